package manifests_test

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"meai/cmd/meai/internal/manifests"
	"meai/internal/cluster"
)

var options = manifests.Options{Namespace: "meai", Shutdown: 20 * time.Second, Drain: 12 * time.Second}

func declared(t *testing.T) cluster.Declaration {
	t.Helper()
	d, err := cluster.Load("../../../../temporal.yaml")
	require.NoError(t, err)
	return d
}

// written are the objects by kind and name.
func written(t *testing.T, d cluster.Declaration) map[string]map[string]any {
	t.Helper()
	var text bytes.Buffer
	require.NoError(t, manifests.Write(&text, d, options))
	require.True(t, strings.HasPrefix(text.String(), manifests.Header))
	objects := map[string]map[string]any{}
	decoder := yaml.NewDecoder(&text)
	for {
		var o map[string]any
		if err := decoder.Decode(&o); err != nil {
			return objects
		}
		if o != nil {
			objects[o["kind"].(string)+"/"+o["metadata"].(map[string]any)["name"].(string)] = o
		}
	}
}

// in follows a path of names and indices.
func in(t *testing.T, o any, path ...any) any {
	t.Helper()
	for _, step := range path {
		switch step := step.(type) {
		case string:
			o = o.(map[string]any)[step]
		case int:
			o = o.([]any)[step]
		}
		require.NotNil(t, o, path)
	}
	return o
}

func TestEveryQueueAndTheAPIHaveAWorkload(t *testing.T) {
	d := declared(t)
	objects := written(t, d)
	require.Len(t, objects, 4*(len(d.TaskQueues)+1), "account, deployment, budget and autoscaler of each")
	for _, queue := range d.Queues() {
		s := d.TaskQueues[queue].Scaling
		scaler := objects["ScaledObject/worker-"+queue]
		require.Equal(t, s.Replicas.Min, in(t, scaler, "spec", "minReplicaCount"))
		require.Equal(t, s.Replicas.Max, in(t, scaler, "spec", "maxReplicaCount"))
		require.Equal(t, queue, in(t, scaler, "spec", "triggers", 1, "metadata", "taskQueue"))
		pod := in(t, objects["Deployment/worker-"+queue], "spec", "template", "spec")
		require.Equal(t, []any{"worker", "--queue", queue}, in(t, pod, "containers", 0, "args"))
		require.Equal(t, s.Resources.Memory.String(), in(t, pod, "containers", 0, "resources", "limits", "memory"))
		require.Equal(t, 47, in(t, pod, "terminationGracePeriodSeconds"), "5 s, 20 s for requests, 12 s for steps, 10 s over")
	}
	require.Equal(t, "50", in(t, objects["ScaledObject/api"], "spec", "triggers", 1, "metadata", "threshold"))
}

func TestABacklogIsOfTheTasksThatTheQueueHas(t *testing.T) {
	objects := written(t, declared(t))
	for queue, types := range map[string]string{"mirror": "activity", "synthesis": "workflow,activity"} {
		require.Equal(t, types, in(t, objects["ScaledObject/worker-"+queue], "spec", "triggers", 1, "metadata", "queueTypes"), queue)
	}
}

func TestPartsOfACoreAndScratchAreWrittenAsKubernetesReadsThem(t *testing.T) {
	d := declared(t)
	q := d.TaskQueues["mirror"]
	q.Scaling.Resources = cluster.Resources{CPU: 0.5, Memory: 512 << 20, Scratch: 3 << 30}
	d.TaskQueues["mirror"] = q
	pod := in(t, written(t, d)["Deployment/worker-mirror"], "spec", "template", "spec")
	require.Equal(t, "500m", in(t, pod, "containers", 0, "resources", "requests", "cpu"))
	require.Equal(t, "512Mi", in(t, pod, "containers", 0, "resources", "requests", "memory"))
	require.Equal(t, "3Gi", in(t, pod, "volumes", 2, "ephemeral", "volumeClaimTemplate", "spec", "resources", "requests", "storage"))
	require.Equal(t, "460MiB", in(t, pod, "containers", 0, "env", 0, "value"), "nine tenths of the memory for Go's heap")
}

func TestBatchWorkRunsOnMachinesThatMayBeTakenAway(t *testing.T) {
	objects := written(t, declared(t))
	for queue, tolerates := range map[string]string{"batch": "meai/spot", "proving": "meai/pool"} {
		require.Equal(t, tolerates, in(t, objects["Deployment/worker-"+queue], "spec", "template", "spec", "tolerations", 0, "key"))
	}
	answering := in(t, objects["Deployment/worker-synthesis"], "spec", "template", "spec").(map[string]any)
	require.NotContains(t, answering, "tolerations", "nobody who waits is cut off")
}

func TestWhatIsNotDeclaredIsNotGuessed(t *testing.T) {
	d := declared(t)
	d.API = cluster.Service{}
	require.ErrorContains(t, manifests.Write(&bytes.Buffer{}, d, options), "api.scaling: must be set for a cluster")
	d = declared(t)
	d.TaskQueues["memory"] = cluster.Queue{}
	require.ErrorContains(t, manifests.Write(&bytes.Buffer{}, d, options), "task_queues.memory.scaling: must be set for a cluster")
}

// Something written for a queue that is not there any more would be dead, and a typing error unseen.
func TestWhatIsSpecialToAQueueIsOfAQueueThatIsThere(t *testing.T) {
	d := declared(t)
	for _, queue := range manifests.Special() {
		require.Contains(t, d.TaskQueues, queue)
	}
}

func TestWhatIsCommittedIsWhatIsMade(t *testing.T) {
	var text bytes.Buffer
	require.NoError(t, manifests.Write(&text, declared(t), options))
	committed, err := os.ReadFile("../../../../deploy/kubernetes/base/generated.yaml")
	require.NoError(t, err)
	require.Equal(t, string(committed), text.String(), "make generate brings it up to date")
}
