package main

type privacyCommand struct {
	Erase       privacyEraseCommand       `cmd:"" help:"Have everything of a person erased, with the approval of two others."`
	Erasure     privacyErasureCommand     `cmd:"" help:"Show how far an erasure is."`
	Certificate privacyCertificateCommand `cmd:"" help:"Read and verify what proves erasures."`
}
