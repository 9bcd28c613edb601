// Package api is MeAi's HTTP face: the contract in openapi.yaml, the server
// generated from it, one handler file per resource, and problem documents
// (RFC 9457) for everything that can go wrong.
//
// The contract comes first: change openapi.yaml, run go generate, and the
// compiler names what is left to do.
package api

//go:generate go tool -modfile=../scripts/tools/go.mod oapi-codegen -config server.yaml openapi.yaml
//go:generate go tool -modfile=../scripts/tools/go.mod oapi-codegen -config client/client.yaml -o client/client.gen.go openapi.yaml
