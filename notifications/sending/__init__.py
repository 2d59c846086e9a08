"""The sender: claims messages, decides what may be sent, hands it to a channel, and writes down what came of it."""
