package api

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"

	"meai/activities/memory"
	"meai/internal/failure"
)

// ListMemoryWrites implements [StrictServerInterface].
func (s *Server) ListMemoryWrites(ctx context.Context, r ListMemoryWritesRequestObject) (ListMemoryWritesResponseObject, error) {
	subject, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	var before memory.Write
	if r.Params.Cursor != nil {
		before, err = s.memories.Write(ctx, subject, *r.Params.Cursor)
		if failure.Is(err, failure.NotFound) {
			return nil, unknownCursor()
		}
		if err != nil {
			return nil, engineFailure("read the cursor", err)
		}
	}
	limit := or(r.Params.Limit, defaultPage)
	writes, err := s.memories.Writes(ctx, subject, as[memory.WriteState](orZero(r.Params.State)), before, limit+1)
	if err != nil {
		return nil, engineFailure("list writes", err)
	}
	page := MemoryWritePage{Writes: each(writes[:min(limit, len(writes))], toWrite)}
	if len(writes) > limit {
		page.NextCursor = &writes[limit-1].ID
	}
	return ListMemoryWrites200JSONResponse(page), nil
}

// GetMemoryWrite implements [StrictServerInterface].
func (s *Server) GetMemoryWrite(ctx context.Context, r GetMemoryWriteRequestObject) (GetMemoryWriteResponseObject, error) {
	subject, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	w, err := s.write(ctx, subject, r.WriteId)
	if err != nil {
		return nil, err
	}
	return GetMemoryWrite200JSONResponse(toWrite(w)), nil
}

// write reads one, but none of the vault.
func (s *Server) write(ctx context.Context, subject, id uuid.UUID) (memory.Write, error) {
	w, err := s.memories.Write(ctx, subject, id)
	if err != nil {
		return memory.Write{}, graphFailure("read a write", err)
	}
	if w.Vault {
		return memory.Write{}, &problem{code: notFound}
	}
	return w, nil
}

func unknownCursor() error {
	return fieldProblem(malformedRequest, FieldError{In: FieldErrorInQuery, Pointer: "cursor", Reason: "names no place to go on"})
}

// DropMemoryWrite implements [StrictServerInterface].
func (s *Server) DropMemoryWrite(ctx context.Context, r DropMemoryWriteRequestObject) (DropMemoryWriteResponseObject, error) {
	subject, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	return DropMemoryWrite204Response{}, graphFailure("give a write up", s.memories.Drop(ctx, subject, r.WriteId))
}

// RetryMemoryWrite implements [StrictServerInterface].
func (s *Server) RetryMemoryWrite(ctx context.Context, r RetryMemoryWriteRequestObject) (RetryMemoryWriteResponseObject, error) {
	subject, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := s.write(ctx, subject, r.WriteId); err != nil {
		return nil, err
	}
	w, start, err := s.memories.Retry(ctx, subject, r.WriteId)
	if err != nil {
		return nil, graphFailure("retry a write", err)
	}
	if err := s.engine.StartMemory(ctx, start, "", 0); err != nil {
		return nil, fmt.Errorf("start a memory: %w", err)
	}
	return RetryMemoryWrite202JSONResponse(toWrite(w)), nil
}

// mostLines bounds one import.
const mostLines = 10_000

// ImportMemories implements [StrictServerInterface]. What is refused changes nothing.
func (s *Server) ImportMemories(ctx context.Context, r ImportMemoriesRequestObject) (ImportMemoriesResponseObject, error) {
	subject, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, fmt.Errorf("read the import: %w", err)
	}
	lines, err := importLines(body)
	if err != nil {
		return nil, err
	}
	accepting, cancel := context.WithTimeout(ctx, settleTimeout)
	defer cancel()
	i, _, err := s.memories.AcceptImport(accepting, memory.Bundle{Subject: subject, IdempotencyKey: r.Params.IdempotencyKey, Body: body, Lines: lines})
	if err != nil {
		return nil, engineFailure("accept an import", err)
	}
	if i.Queued > 0 {
		if err := s.engine.StartImport(ctx, memory.ImportInput{Subject: subject, Import: i.ID}); err != nil {
			return nil, fmt.Errorf("start an import: %w", err)
		}
	}
	return ImportMemories202JSONResponse{Body: toImport(i), Headers: ImportMemories202ResponseHeaders{Location: "/v1/memory/imports/" + i.ID.String()}}, nil
}

// GetMemoryImport implements [StrictServerInterface].
func (s *Server) GetMemoryImport(ctx context.Context, r GetMemoryImportRequestObject) (GetMemoryImportResponseObject, error) {
	subject, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	i, err := s.memories.Import(ctx, subject, r.ImportId)
	if err != nil {
		return nil, graphFailure("read an import", err)
	}
	return GetMemoryImport200JSONResponse(toImport(i)), nil
}

// importLines reads JSON lines; empty ones are skipped, but counted. Faults name a line by its
// place, from 0 as in every JSON pointer.
func importLines(body []byte) ([]memory.ImportLine, error) {
	var lines []memory.ImportLine
	var faults []FieldError
	scanner := bufio.NewScanner(bytes.NewReader(body))
	scanner.Buffer(nil, maxBody)
	for n := 0; scanner.Scan(); n++ {
		text := bytes.TrimSpace(scanner.Bytes())
		if len(text) == 0 {
			continue
		}
		line, fault := importLine(text)
		if fault != nil {
			fault.In, fault.Pointer = FieldErrorInBody, pointer(strconv.Itoa(n))+fault.Pointer
			if faults = append(faults, *fault); len(faults) == mostFaults {
				break
			}
			continue
		}
		lines = append(lines, line)
	}
	switch {
	case scanner.Err() != nil:
		return nil, fieldProblem(malformedRequest, FieldError{In: FieldErrorInBody, Reason: "has a line of more than 64 KiB"})
	case len(faults) > 0:
		return nil, fieldProblem(invalidRequest, faults...)
	case len(lines) == 0:
		return nil, fieldProblem(invalidRequest, FieldError{In: FieldErrorInBody, Reason: "has no line"})
	case len(lines) > mostLines:
		return nil, fieldProblem(invalidRequest, FieldError{In: FieldErrorInBody, Reason: fmt.Sprintf("has more than %d lines", mostLines)})
	}
	return lines, nil
}

// mostFaults bounds how many lines of an import are complained about at once.
const mostFaults = 20

// importLine reads one line by the rules of ImportLine in the contract; its pointer is
// within the line.
func importLine(text []byte) (memory.ImportLine, *FieldError) {
	const mostText, mostSession, mostSpeaker = 8000, 200, 100
	var in struct {
		Session string    `json:"session"`
		SaidAt  time.Time `json:"said_at"`
		Speaker *string   `json:"speaker"`
		Text    string    `json:"text"`
	}
	if checkJSON(text) != nil || json.Unmarshal(text, &in, json.RejectUnknownMembers(true)) != nil {
		return memory.ImportLine{}, &FieldError{Reason: "is not one JSON object with session, said_at, text and perhaps speaker"}
	}
	speaker := orZero(in.Speaker)
	for _, rule := range []struct {
		broken        bool
		field, reason string
	}{
		{in.Session == "" || utf8.RuneCountInString(in.Session) > mostSession, "session", "must have 1 to 200 characters"},
		{in.SaidAt.IsZero(), "said_at", "is required"},
		{in.SaidAt.After(time.Now().Add(time.Minute)), "said_at", "must not be in the future"},
		{in.Speaker != nil && (speaker == "" || utf8.RuneCountInString(speaker) > mostSpeaker), "speaker", "must have 1 to 100 characters"},
		{strings.TrimSpace(in.Text) == "", "text", "must say something"},
		{utf8.RuneCountInString(in.Text) > mostText, "text", "must have at most 8000 characters"},
		{strings.ContainsRune(in.Text+speaker+in.Session, 0), "text", "must not hold the character 0"},
	} {
		if rule.broken {
			return memory.ImportLine{}, &FieldError{Pointer: pointer(rule.field), Reason: rule.reason}
		}
	}
	return memory.ImportLine{Session: in.Session, Content: memory.Content{Speaker: speaker, Text: in.Text}, SaidAt: in.SaidAt}, nil
}

func writeLink(id uuid.UUID) string { return "/v1/memory/writes/" + id.String() }

func toWrite(w memory.Write) MemoryWrite {
	return MemoryWrite{
		Id: w.ID, State: as[MemoryWriteState](w.State), Failure: w.Failure, Origin: as[MemoryOrigin](w.Origin), SessionId: w.Session,
		ImportId: w.Import, Position: w.Position, SaidAt: w.SaidAt.UTC(), AcceptedAt: w.AcceptedAt.UTC(), ChangedAt: w.ChangedAt.UTC(),
	}
}

func toImport(i memory.Import) MemoryImport {
	return MemoryImport{
		Id: i.ID, AcceptedAt: i.AcceptedAt.UTC(), Total: i.Total, Queued: i.Queued, Stored: i.Stored,
		Searchable: i.Searchable, Failed: i.Failed, Forgotten: i.Forgotten,
	}
}
