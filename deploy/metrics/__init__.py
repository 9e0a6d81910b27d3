"""What Prometheus reads: names that stay, numbers of one look, and the text that holds them."""
