package main

type privacyCommand struct {
	Map      privacyMapCommand      `cmd:"" help:"Show everything that can hold personal data, for what, how long, and how it is erased."`
	Requests privacyRequestsCommand `cmd:"" help:"Look at the register of what people have asked for; keep what comes by letter."`
	Holds    privacyHoldsCommand    `cmd:"" help:"List legal holds."`
}
