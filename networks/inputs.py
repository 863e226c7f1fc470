"""What a policy's outputs are computed from, read from its graph."""


def ancestors(tensors, given=()):
    """The operations that compute the tensors where those `given` are fed."""
    fed = {tensor.op for tensor in given}
    found, todo = set(), [tensor.op for tensor in tensors]
    while todo:
        op = todo.pop()
        if op not in found and op not in fed:
            found.add(op)
            todo += [tensor.op for tensor in op.inputs] + list(op.control_inputs)
    return found


def depends_on_variables(tensors):
    """Whether any of the tensors depends on parameters or filters."""
    return any(op.type in ("VarHandleOp", "VariableV2") for op in ancestors(tensors))


def uses_filter(pi):
    """Whether the policy's actions or values depend on the observation filter."""
    found = ancestors([pi.ac, pi.vpred])
    return any(moment.op in found for moment in (pi.ob_rms.mean, pi.ob_rms.std))


def kept_tensors(pi):
    """What a policy's view keeps in segments (`Policy.keep`): {name there: tensor}."""
    return {f"seen{k}": tensor for k, tensor in enumerate(getattr(pi, "kept", ()))}


def update_inputs(pi):
    """What the update feeds a policy from a segment besides actions: {name there: tensor}.

    A policy that keeps its view needs raw observations and states only as far as its outputs depend
    on them in another way; any other policy gets them all.
    """
    memory = {"new": pi.new, "state": pi.state_in} if pi.recurrent else {}
    kept = kept_tensors(pi)
    if not kept:
        return {"ob": pi.ob, **memory}
    needed = ancestors([pi.logp, pi.vpred], given=kept.values())
    return {**kept, **({"ob": pi.ob} if pi.ob.op in needed else {}),
            **(memory if pi.state_in.op in needed else {})}


def seen_tensors(pi):
    """What a segment holds of what the policy sees: for its update and its observation filter."""
    needed = {**update_inputs(pi), **({"ob": pi.ob} if uses_filter(pi) else {})}
    return {name: x for name, x in needed.items() if name not in ("new", "state")}
