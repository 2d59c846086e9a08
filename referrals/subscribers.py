"""What this app hears of."""
