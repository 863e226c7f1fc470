"""The ant: four legs of two joints, 8 motors."""

from gym_compete.bodies.body import Body


def _collide(spec):
    """Gymnasium's ant does not collide with another ant; ours must (docs/games.md, physics)."""
    for body in spec.body("torso").find_all("body") + [spec.body("torso")]:
        for geom in body.geoms:
            geom.conaffinity = 1


ANT = Body(
    name="ant", asset="ant.xml", observed=(), patch=_collide,
    forward=1.0, forward_time="step",
    control=0.5, contact=5e-4, contact_clip=1.0, contact_cap=float("inf"),
    survive=1.0, standing=0.28, goal=0.0, down=0.28,
)
