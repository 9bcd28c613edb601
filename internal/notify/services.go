package notify

import (
	"net/url"

	"github.com/nicholas-fedor/shoutrrr/pkg/services/chat/mattermost"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/chat/slack"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/chat/teams"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/email/smtp"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/incident/opsgenie"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/incident/pagerduty"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/push/ntfy"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/specialized/generic"
	"github.com/nicholas-fedor/shoutrrr/pkg/types"
)

// service is one of the library's with how a message is put for it.
type service struct {
	open   func() types.Service
	params func(Message) types.Params
	// address adds to the URL what the service takes from there alone; nil for nothing.
	address func(q url.Values, m Message)
}

// services by the scheme of their URLs. The library has more; each one taken in makes
// the binary larger and has to be looked at for where it puts a message's parts.
var services = map[string]service{
	"generic":    {func() types.Service { return &generic.Service{} }, webhook, webhookAddress},
	"mattermost": {func() types.Service { return &mattermost.Service{} }, titled, nil},
	"ntfy":       {func() types.Service { return &ntfy.Service{} }, pushed, nil},
	"opsgenie":   {func() types.Service { return &opsgenie.Service{} }, alert, nil},
	"pagerduty":  {func() types.Service { return &pagerduty.Service{} }, event, nil},
	"slack":      {func() types.Service { return &slack.Service{} }, titled, nil},
	"smtp":       {func() types.Service { return &smtp.Service{} }, titled, nil},
	"teams":      {func() types.Service { return &teams.Service{} }, titled, nil},
}

func titled(m Message) types.Params { return types.Params{"title": m.Title} }

// webhook is the JSON object that is posted, besides "message".
func webhook(m Message) types.Params {
	return types.Params{"title": m.Title, "key": m.Key, "link": m.Link, "urgency": choose(m.Urgent, "high", "low")}
}

func webhookAddress(q url.Values, m Message) {
	if !q.Has("template") {
		q.Set("template", "json")
	}
	q.Set("@Idempotency-Key", m.Key)
}

// event is of PagerDuty's Events API v2; the text is its summary.
func event(m Message) types.Params {
	return types.Params{
		"severity": choose(m.Urgent, "critical", "warning"), "dedup_key": m.Key, "source": "meai",
		"client": "MeAi", "client_url": m.Link,
	}
}

// alert is Opsgenie's: an alias holds one open alert.
func alert(m Message) types.Params {
	return types.Params{"title": m.Title, "alias": m.Key, "priority": choose(m.Urgent, "P1", "P3"), "source": "meai"}
}

func pushed(m Message) types.Params {
	return types.Params{"title": m.Title, "priority": choose(m.Urgent, "5", "3"), "click": m.Link}
}

func choose(urgent bool, yes, no string) string {
	if urgent {
		return yes
	}
	return no
}
