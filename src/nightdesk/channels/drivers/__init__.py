"""One file for each provider's language; `channels.registry` lists them."""
