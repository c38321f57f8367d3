"""Optional packages: which extra of this package brings each, for messages where one is missing."""

from __future__ import annotations

__all__ = ["EXTRAS", "how_to_install"]

#: The extra that brings a module, by the name that is imported.
EXTRAS = {
    "jinja2": "workbench",
    "jsonschema": "workbench",
    "markupsafe": "workbench",
    "matplotlib": "workbench",
    "pyarrow": "workbench",
    "snakemake": "workbench",
    "yaml": "workbench",
    "rpy2": "r",
    "numba": "fast",
    "statsmodels": "statsmodels",
    "hypothesis": "dev",
    "mpmath": "dev",
    "packaging": "dev",
    "pytest": "dev",
}


def how_to_install(module: str) -> str:
    """Return the sentence that says how a missing module is installed.

    Parameters
    ----------
    module : name of a module; of one that is inside a package, the package counts.

    Examples
    --------
    >>> from wemix_ref.extras import how_to_install
    >>> print(how_to_install("matplotlib.figure"))
    Install the extra workbench: python -m pip install 'wemix-ref[workbench]' (in a checkout: \
'.[workbench]').
    """
    top = module.partition(".")[0]
    if top not in EXTRAS:
        return f"Install it: python -m pip install {top}."
    extra = EXTRAS[top]
    return (
        f"Install the extra {extra}: python -m pip install 'wemix-ref[{extra}]' "
        f"(in a checkout: '.[{extra}]')."
    )
