// Command demo starts MeAi with everything that it needs on this machine, has a conversation
// with it over HTTP, and stays up until Ctrl-C.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
)

type cli struct {
	Data      string `default:".local/data" type:"path" help:"Folder of everything that lasts."`
	Meai      string `default:".local/bin/meai" type:"path" help:"Path of meai."`
	MeaiLocal string `default:".local/bin/meai-local" type:"path" help:"Path of meai-local."`
	Talk      bool   `default:"true" negatable:"" help:"Have the conversation."`
	Exit      bool   `env:"DEMO_EXIT" help:"Stop everything after the conversation."`
}

func main() {
	var c cli
	kong.Parse(&c, kong.Name("demo"), kong.Description("Starts MeAi and its engines, has a conversation, stays up until Ctrl-C."))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	err := c.run(ctx)
	interrupted := ctx.Err() != nil
	stop()
	switch {
	case err == nil:
	case interrupted:
		os.Exit(interruptedStatus)
	default:
		fmt.Fprintf(os.Stderr, "demo: %v\n", err)
		os.Exit(1)
	}
}

// interruptedStatus is the shells' custom for a program that Ctrl-C ended before it was done.
const interruptedStatus = 130

// run ends without an error when it is interrupted after everything was up.
func (c cli) run(ctx context.Context) (err error) {
	begun := time.Now()
	s := &site{meai: c.Meai, meaiLocal: c.MeaiLocal, data: c.Data, out: os.Stdout}
	defer func() { err = errors.Join(err, s.close()) }()
	if err := s.open(ctx); err != nil {
		return err
	}
	fmt.Printf("\nMeAi is up after %.1f s.\n", time.Since(begun).Seconds())
	if c.Talk {
		if err := c.talk(ctx, s.url); err != nil {
			return errors.Join(err, s.lastWords())
		}
	}
	if err := s.printAddresses(); err != nil || c.Exit {
		return err
	}
	fmt.Println("\nCtrl-C stops everything.")
	select {
	case <-ctx.Done():
		fmt.Println("\nstopping …")
		return nil
	case <-s.lost():
		return errors.Join(errors.New("something that was up has ended"), s.lastWords())
	}
}

// talk signs in and has the conversation.
func (c cli) talk(ctx context.Context, url string) error {
	token, err := signIn(ctx, url, os.Stdout)
	if err != nil {
		return err
	}
	return converse(ctx, url, token, os.Stdout)
}
