package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/google/uuid"

	"meai/api/client"
	"meai/internal/identity/devlogin"
)

// signIn shows both ways in, a program's and a person's, and returns the person's token. The
// person is somebody new, so that the conversation begins without memories.
func signIn(ctx context.Context, url string, out io.Writer) (string, error) {
	issuer := devlogin.Issuer(url)
	machine, err := devlogin.Machine(ctx, issuer, "operator.demo")
	if err != nil {
		return "", fmt.Errorf("sign in as a program: %w", err)
	}
	if err := introduce(ctx, url, machine, "client credentials", out); err != nil {
		return "", err
	}
	person, err := devlogin.SignIn(ctx, issuer, "demo-"+uuid.NewString(), false)
	if err != nil {
		return "", fmt.Errorf("sign in as a person: %w", err)
	}
	return person, introduce(ctx, url, person, "authorization code with PKCE", out)
}

// introduce prints whom the API takes a token for.
func introduce(ctx context.Context, url, token, how string, out io.Writer) error {
	api, err := client.NewClientWithResponses(url, client.Bearer(token))
	if err != nil {
		return fmt.Errorf("make a client of the API: %w", err)
	}
	me, err := api.GetMeWithResponse(ctx)
	if err != nil {
		return fmt.Errorf("ask who I am: %w", err)
	}
	if err := client.Check(me.HTTPResponse, me.Body); err != nil {
		return fmt.Errorf("ask who I am: %w", err)
	}
	_, err = fmt.Fprintf(out, "  signed in by %s: %s %s\n", how, strings.Join(me.JSON200.Roles, ", "), me.JSON200.Principal)
	return err
}
