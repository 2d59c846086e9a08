"""Events posted to addresses of merchants, signed as Standard Webhooks has it (www.standardwebhooks.com)."""
