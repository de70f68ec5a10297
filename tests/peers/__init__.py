"""Other ends for tests: each speaks its real protocol on a loopback port and remembers what it received."""
