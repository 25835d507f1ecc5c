"""Where nodes are placed: on curves and surfaces, where those meet, and inside."""
