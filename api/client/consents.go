package client

import (
	"context"
	"fmt"
)

// AgreeToAll asks what a person is to agree to and agrees to all of it. It is for programs
// that are the person themselves: demonstrations, measurements and tests. Nobody else
// agrees for a person.
func (c *ClientWithResponses) AgreeToAll(ctx context.Context) error {
	asked, err := c.ListPurposesWithResponse(ctx, nil)
	if err != nil {
		return fmt.Errorf("ask what to agree to: %w", err)
	}
	if err := Check(asked.HTTPResponse, asked.Body); err != nil {
		return fmt.Errorf("ask what to agree to: %w", err)
	}
	for _, p := range asked.JSON200.Purposes {
		said, err := c.DecideConsentWithResponse(ctx, p.Purpose, NewConsent{
			Decision: NewConsentDecisionGiven, TextVersion: p.Version, Language: NewConsentLanguage(asked.JSON200.Language),
		})
		if err != nil {
			return fmt.Errorf("agree to %s: %w", p.Purpose, err)
		}
		if err := Check(said.HTTPResponse, said.Body); err != nil {
			return fmt.Errorf("agree to %s: %w", p.Purpose, err)
		}
	}
	return nil
}
