package temporal

import (
	"context"
	"fmt"
	"strings"

	uiserver "github.com/temporalio/ui-server/v2/server"
	uiconfig "github.com/temporalio/ui-server/v2/server/config"
	"github.com/temporalio/ui-server/v2/server/server_options"
	"go.temporal.io/server/common/authorization"
	"go.temporal.io/server/common/log"
	"go.temporal.io/server/temporal"
)

// Run is the whole life of the child process: server and web interface until ctx ends.
func Run(ctx context.Context, c Config) error {
	settings, err := dynamic(dynamicYAML)
	if err != nil {
		return err
	}
	server, err := temporal.NewServer(
		temporal.WithConfig(c.server()),
		temporal.ForServices(temporal.DefaultServices),
		temporal.WithStaticHosts(c.hosts()),
		temporal.WithLogger(log.NewZapLogger(log.BuildZapLogger(log.Config{Stdout: true, Level: "warn"}))),
		// Loopback is the boundary here; a real deployment has its own authorizer.
		temporal.WithAuthorizer(authorization.NewNoopAuthorizer()),
		temporal.WithDynamicConfigClient(settings),
	)
	if err != nil {
		return fmt.Errorf("assemble the Temporal server: %w", err)
	}
	ui := uiserver.NewServer(server_options.WithConfigProvider(c.ui()))
	uiEnded := make(chan error, 1)
	go func() { uiEnded <- ui.Start() }()
	if err := server.Start(); err != nil {
		return fmt.Errorf("start the Temporal server: %w", err)
	}
	select {
	case <-ctx.Done():
		ui.Stop()
	case err := <-uiEnded:
		if err != nil {
			return fmt.Errorf("serve the web interface: %w", err)
		}
	}
	return server.Stop()
}

// ui configures the web interface: loopback, no news feed, no feedback link, no address outside.
func (c Config) ui() *uiconfig.Config {
	return &uiconfig.Config{
		TemporalGRPCAddress: c.Address(),
		Host:                c.host(),
		Port:                c.UI,
		EnableUI:            true,
		DefaultNamespace:    "meai",
		DisableNewsFetch:    true,
		HideLogs:            true,
		// The page is served without TLS on loopback, where a "secure" cookie would not come back.
		CORS: uiconfig.CORS{CookieInsecure: true},
		// The page sends the token of who is signed in, and does so over TLS alone.
		Codec: uiconfig.Codec{
			Endpoint: c.CodecEndpoint, PassAccessToken: strings.HasPrefix(c.CodecEndpoint, "https://"),
			DefaultErrorMessage: "MeAi's codec server opens payloads for those who may see them; docs/runbooks/codec.md tells how.",
		},
	}
}
