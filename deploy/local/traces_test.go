package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/types/known/durationpb"
)

const (
	traceWorkflow = "trace"
	traceObject   = "9f6ff1c8-2d0b-5a6e-8f0e-3f3a5a1b7c01"
)

// leaveTraces puts something into every engine that must outlive any kill.
func leaveTraces(t *testing.T, c config) {
	t.Helper()
	ctx := t.Context()
	leaveRow(t, c)

	temporal := temporalClient(t, c)
	_, err := temporal.WorkflowService().RegisterNamespace(ctx, &workflowservice.RegisterNamespaceRequest{
		Namespace: c.Temporal.Namespace, WorkflowExecutionRetentionPeriod: durationpb.New(24 * time.Hour),
	})
	require.NoError(t, err)
	require.Eventually(t, func() bool { // namespaces are cached for a moment
		_, err := temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: traceWorkflow, TaskQueue: "nobody"}, "story")
		return err == nil
	}, 30*time.Second, 200*time.Millisecond)

	weaviate(t, c, http.MethodPost, "/v1/schema", map[string]any{
		"class": "Trace", "vectorizer": "none", "properties": []any{map[string]any{"name": "text", "dataType": []string{"text"}}},
	})
	weaviate(t, c, http.MethodPost, "/v1/objects", map[string]any{
		"class": "Trace", "id": traceObject, "properties": map[string]any{"text": "kept"}, "vector": []float32{1, 0, 0},
	})
}

// leaveRow makes a table that the application and the reader may read.
func leaveRow(t *testing.T, c config) {
	t.Helper()
	_, err := connect(t, c.Postgres.OwnerURL).Exec(t.Context(),
		"create table trace (id int primary key); insert into trace values (42); grant select on trace to meai_app, meai_reader")
	require.NoError(t, err)
}

// requireTraces reads all of it back, with the patience that clients of a restarting engine need.
func requireTraces(t *testing.T, c config) {
	t.Helper()
	db := connect(t, c.Postgres.URL)
	var id int
	require.NoError(t, db.QueryRow(t.Context(), "select id from trace").Scan(&id))
	require.Equal(t, 42, id)

	temporal := temporalClient(t, c)
	require.Eventually(t, func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		found, err := temporal.DescribeWorkflowExecution(ctx, traceWorkflow, "")
		return err == nil && found.GetWorkflowExecutionInfo().GetStatus() == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING
	}, 30*time.Second, 200*time.Millisecond)

	require.Contains(t, weaviate(t, c, http.MethodGet, "/v1/objects/Trace/"+traceObject, nil), "kept")
}

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(func() {
		// The server may have been killed under the connection.
		_ = conn.Close(context.Background())
	})
	return conn
}

func temporalClient(t *testing.T, c config) client.Client {
	t.Helper()
	found, err := client.NewLazyClient(client.Options{HostPort: c.Temporal.Address, Namespace: c.Temporal.Namespace})
	require.NoError(t, err)
	t.Cleanup(found.Close)
	return found
}

// weaviate sends one request with the API key and returns the answer's text.
func weaviate(t *testing.T, c config, method, path string, body any) string {
	t.Helper()
	text, err := json.Marshal(body)
	require.NoError(t, err)
	request, err := http.NewRequestWithContext(t.Context(), method, c.Weaviate.URL+path, bytes.NewReader(text))
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer "+c.Weaviate.APIKey)
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, response.StatusCode, "%s %s: %s", method, path, answer)
	return string(answer)
}
