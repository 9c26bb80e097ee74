"""`tapestry version`."""

from control.cli.output import Json, Output, print_document, wants_json


def version(output: Output = None, json: Json = False) -> None:
    """Print the version of Tapestry, of Python, and of the libraries that make and run the kernels.

    Example: tapestry version -o json
    """
    import platform
    from importlib.metadata import version as version_of

    document = {
        "tapestry": version_of("tapestry"),
        "python": platform.python_version(),
        "numba": version_of("numba"),
        "numpy": version_of("numpy"),
    }
    if wants_json(output, json):
        print_document(document)
        return
    for name, number in document.items():
        print(f"{name} {number}")
