"""Pictures: solutions, clouds, convergence studies and tuning runs.

Every function returns a `matplotlib.figure.Figure` made without pyplot, so that no display is needed and no
global state touched, and writes it to `path` where one is given. Matplotlib is imported when a picture is
asked for (0.4 s).
"""

from .cloud_pictures import plot_cloud
from .convergence import plot_convergence
from .film_files import MOVIES
from .history import plot_history
from .node_quality import plot_quality
from .solutions import plot
from .style import FORMATS

__all__ = ["FORMATS", "MOVIES", "plot", "plot_cloud", "plot_convergence", "plot_history", "plot_quality"]
