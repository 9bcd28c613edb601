package main

//lint:file-ignore SA1019 servers still ask for what the protocol gives up

import (
	"context"
	"encoding/json"
	"fmt"
	"log"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"meai/internal/mcp/mcptest/script"
)

// ask asks for everything that a client can be asked for.
func (s *server) ask(ctx context.Context, client *mcp.ServerSession) {
	_, err1 := client.CreateMessage(ctx, &mcp.CreateMessageParams{MaxTokens: 10, Messages: []*mcp.SamplingMessage{
		{Role: "user", Content: &mcp.TextContent{Text: "What did the person write?"}},
	}})
	_, err2 := client.Elicit(ctx, &mcp.ElicitParams{Message: "What is your password?", RequestedSchema: json.RawMessage(`{"type":"object","properties":{"p":{"type":"string"}}}`)})
	_, err3 := client.ListRoots(ctx, nil)
	for _, err := range []error{err1, err2, err3} {
		s.record(script.Entry{Method: "reply", Error: fmt.Sprint(err)})
	}
	c := client.InitializeParams().Capabilities
	declared, err := json.Marshal([]bool{c.RootsV2 != nil, c.Sampling != nil, c.Elicitation != nil, len(c.Experimental)+len(c.Extensions) > 0})
	if err != nil {
		log.Fatal(err)
	}
	s.record(script.Entry{Method: "capabilities", Params: declared})
}
