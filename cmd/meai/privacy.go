package main

type privacyCommand struct {
	Requests privacyRequestsCommand `cmd:"" help:"Look at the register of what people have asked for; keep what comes by letter."`
	Holds    privacyHoldsCommand    `cmd:"" help:"List legal holds."`
}
