"""Stable-Baselines3's PPO learns one seat of a match; a parameter file plays the other.

    pip install -r examples/requirements.txt
    python -m examples.stable_baselines3 --opponent walker.npy

trains a blocker against OpenAI's released walker. In their archive that is
agent-zoo/you-shall-not-pass/agent2_parameters-v1.pkl, and this makes an array of it:

    python -c "import numpy, common.parameter_file as files; \
        numpy.save('walker.npy', files.load_parameters('agent2_parameters-v1.pkl')[0])"
"""

from gym_compete import OneSeat
from gym_compete.__main__ import Parser

ENVS, STEPS = 8, 2048  # matches at once, and steps of each in a rollout


def make_parser():
    """The command line."""
    parser = Parser(prog="python -m examples.stable_baselines3",
                    description=__doc__.partition("\n")[0])
    parser.add_argument("--opponent", required=True, help=(
        "Parameter file of the other seat: ours (.npz) or one of OpenAI's (.npy)."))
    parser.add_argument("--env", default="you-shall-not-pass", help="The game. [%(default)s]")
    parser.add_argument("--seat", type=int, default=0, help="The learner's seat. [%(default)s]")
    parser.add_argument("--timesteps", type=int, default=1_000_000,
                        help="Environment steps, rounded up to whole rollouts of "
                        f"{ENVS * STEPS:,}. [%(default)s]")
    return parser


def main(argv=None):
    """Trains, and prints ten times how the last 100 matches ended."""
    parser = make_parser()
    args = parser.parse_args(argv)
    if args.timesteps < 10:
        parser.error(f"--timesteps {args.timesteps}: must be at least 10")
    try:  # here, so that --help needs none of it
        from stable_baselines3 import PPO
        from stable_baselines3.common.env_util import make_vec_env
        from stable_baselines3.common.vec_env import VecNormalize
    except ImportError as error:
        parser.error(f"{error}; pip install -r examples/requirements.txt")

    def make_env():
        try:
            return OneSeat(args.env, args.seat, args.opponent, integrator="Euler")
        except ValueError as error:
            parser.error(error)

    env = VecNormalize(make_vec_env(
        make_env, n_envs=ENVS, seed=0, monitor_kwargs={"info_keywords": ("outcome",)}))
    model = PPO("MlpPolicy", env, n_steps=STEPS, batch_size=1024, seed=0, device="cpu",
                policy_kwargs={"log_std_init": -1.0})
    for part in range(1, 11):  # rollouts are whole, so each part ends where it should in total
        model.learn(max(0, args.timesteps * part // 10 - model.num_timesteps),
                    reset_num_timesteps=False)
        outcomes = [match["outcome"] for match in model.ep_info_buffer]
        print(f"{model.num_timesteps:,} steps: wins {outcomes.count(1)}, loses "
              f"{outcomes.count(-1)} of the last {len(outcomes)} matches", flush=True)
    return model


if __name__ == "__main__":
    main()
