"""What Gymnasium's checker may say."""


# Positions, velocities and forces have no bounds, as in Gymnasium's own MuJoCo environments.
NO_FAULT = ("A Box observation space minimum value is -infinity",
            "A Box observation space maximum value is infinity")
