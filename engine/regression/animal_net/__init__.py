"""Networks that see an animal in a picture or a clip, of any animal body, and their training."""
