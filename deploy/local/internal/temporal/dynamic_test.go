package temporal

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/server/common/dynamicconfig"
	"go.temporal.io/server/common/log"
)

func TestDynamicConfigurationReachesTheServer(t *testing.T) {
	client, err := dynamic(dynamicYAML)
	require.NoError(t, err)
	collection := dynamicconfig.NewCollection(client, log.NewNoopLogger())

	require.Equal(t, 2000, dynamicconfig.TransferProcessorMaxPollRPS.Get(collection)())
	require.Equal(t, 500, dynamicconfig.TimerProcessorMaxPollRPS.Get(collection)())
	require.Equal(t, 500, dynamicconfig.VisibilityProcessorMaxPollRPS.Get(collection)())
	require.True(t, dynamicconfig.EnableActivityEagerExecution.Get(collection)("meai"))
	require.Equal(t, 16<<20, dynamicconfig.EventsHostLevelCacheMaxSizeBytes.Get(collection)())
	require.False(t, dynamicconfig.EnableServerVersionCheck.Get(collection)(), "nothing calls outside")
}

func TestUnknownKeyOfTheDynamicConfigurationIsAnError(t *testing.T) {
	_, err := dynamic([]byte("history.transferProcessorMaxPolRPS: [{value: 2000}]\n"))
	require.ErrorContains(t, err, "transferprocessormaxpolrps")
}
