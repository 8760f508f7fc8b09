"""What both halves read and write. numpy and the standard library only."""
