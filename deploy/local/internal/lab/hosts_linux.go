package lab

// distinctHosts: on Linux all of 127.0.0.0/8 is this machine.
func distinctHosts(string) error { return nil }
