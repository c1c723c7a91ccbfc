"""What a pair means in daily use: how often its big net runs, what it draws, how long a battery lasts."""
