"""What is wrong with a capture file, as a sentence for whoever named it."""


class CaptureError(Exception):
    """A file cannot be read as a capture of Ethernet frames; ``str()`` names the file and says what was found."""
