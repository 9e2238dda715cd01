"""An issuer for development and trials: whoever holds its secret may be any user of any tenant. Never in production."""
