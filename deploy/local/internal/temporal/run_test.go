package temporal

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheWebInterfaceSendsTokensToACodecServerOverTLSAlone(t *testing.T) {
	for endpoint, passes := range map[string]bool{"": false, "http://127.0.0.1:8234": false, "https://127.0.0.1:8234": true} {
		c := Config{CodecEndpoint: endpoint}.ui().Codec
		require.Equal(t, endpoint, c.Endpoint)
		require.Equal(t, passes, c.PassAccessToken, endpoint)
	}
}
