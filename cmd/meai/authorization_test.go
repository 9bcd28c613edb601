package main_test

import (
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"meai/api"
	"meai/api/client"
	"meai/internal/identity"
	"meai/internal/identity/identitytest"
)

// rule is what the matrix expects of one operation. An operation of the contract
// that has no rule here fails the build.
type rule struct {
	// roles may call it; all others get 403.
	roles []identity.Role
	// later may call it by the policies of the route and are refused by what the
	// request says.
	later []identity.Role
	// stepUp: it asks for several factors.
	stepUp bool
	// keys: an API key made for its scope may call it.
	keys bool
	// own is the status for one's own things; other the status for another
	// person's, the same as own where a request names nothing of anybody's.
	own, other  int
	body, query string
}

var (
	people    = []identity.Role{identity.Person}
	everybody = identity.Roles
	staff     = []identity.Role{identity.Support, identity.Operator, identity.PrivacyOfficer, identity.Auditor, identity.Admin}
	onCall    = []identity.Role{identity.Support, identity.Operator}
	readers   = []identity.Role{identity.PrivacyOfficer, identity.Auditor}
	operators = []identity.Role{identity.Operator}
	officers  = []identity.Role{identity.PrivacyOfficer}
	keepers   = []identity.Role{identity.Operator, identity.PrivacyOfficer, identity.Auditor, identity.Admin}
)

var matrix = map[string]rule{
	"createSession":            {roles: people, keys: true, own: 201, other: 201, body: `{}`},
	"getSession":               {roles: people, keys: true, own: 200, other: 404},
	"endSession":               {roles: people, keys: true, own: 200, other: 404},
	"createInteraction":        {roles: people, keys: true, own: 202, other: 404, body: `{"input":{"text":"I went for a walk."}}`},
	"listInteractions":         {roles: people, keys: true, own: 200, other: 404},
	"getInteraction":           {roles: people, keys: true, own: 200, other: 404},
	"getInteractionStatus":     {roles: people, keys: true, own: 200, other: 404},
	"getInteractionResponse":   {roles: people, keys: true, own: 200, other: 404},
	"streamInteraction":        {roles: people, keys: true, own: 200, other: 404},
	"detectNeeds":              {roles: people, keys: true, own: 200, other: 200, body: `{"text":"I am glad."}`},
	"checkCrisis":              {roles: people, keys: true, own: 200, other: 200, body: `{"text":"I am glad."}`},
	"analyzeEmotion":           {roles: people, keys: true, own: 200, other: 200, body: `{"text":"I am glad."}`},
	"queryMemory":              {roles: people, keys: true, own: 200, other: 200, body: `{"query":"a walk"}`},
	"searchResources":          {roles: people, keys: true, own: 200, other: 200, body: `{"topic":"calm"}`},
	"getResource":              {roles: people, keys: true, own: 200, other: 200, query: "?detail=full"},
	"getMe":                    {roles: everybody, keys: true, own: 200, other: 200},
	"createAPIKey":             {roles: everybody, stepUp: true, own: 201, other: 201, body: `{"scopes":["memory"],"days":1}`},
	"listAPIKeys":              {roles: everybody, own: 200, other: 200},
	"requestApproval":          {roles: staff, stepUp: true, own: 201, other: 201, body: `{"act":"elevate","parameters":{"role":"auditor","minutes":"5"},"reason":"To look at the log."}`},
	"listApprovals":            {roles: staff, own: 200, other: 200},
	"getApproval":              {roles: staff, own: 200, other: 200},
	"decideApproval":           {roles: []identity.Role{identity.PrivacyOfficer, identity.Admin}, later: []identity.Role{identity.Support, identity.Operator, identity.Auditor}, stepUp: true, own: 403, other: 200, body: `{"approves":true}`},
	"listEscalations":          {roles: onCall, own: 200, other: 200},
	"getEscalation":            {roles: onCall, own: 200, other: 200},
	"acknowledgeEscalation":    {roles: onCall, own: 200, other: 200},
	"closeEscalation":          {roles: onCall, own: 200, other: 200, body: `{"outcome":"handled"}`},
	"getAuditCheckpoint":       {roles: readers, keys: true, own: 200, other: 200},
	"listAuditEntries":         {roles: readers, keys: true, own: 200, other: 200},
	"proveAuditEntry":          {roles: readers, keys: true, own: 200, other: 200, query: "?size=1"},
	"proveAuditConsistency":    {roles: readers, keys: true, own: 200, other: 200, query: "?from=1&to=2"},
	"revokeAPIKey":             {roles: everybody, stepUp: true, own: 200, other: 404},
	"assessText":               {roles: people, keys: true, own: 200, other: 200, body: `{"text":"It sounds like a long day."}`},
	"giveFeedback":             {roles: people, keys: true, own: 200, other: 404, body: `{"about":{"interaction_id":"{interaction_id}"},"rating":"helpful"}`},
	"getAdjustments":           {roles: people, keys: true, own: 200, other: 200},
	"resetAdjustments":         {roles: people, keys: true, own: 204, other: 204},
	"getTriggers":              {roles: people, keys: true, own: 200, other: 200},
	"setTriggers":              {roles: people, keys: true, own: 200, other: 200, body: `{"triggers":["dogs"]}`},
	"storeMemory":              {roles: people, keys: true, own: 202, other: 202, body: `{"text":"I planted tulips."}`},
	"getMemory":                {roles: people, keys: true, own: 200, other: 404},
	"relatedMemories":          {roles: people, keys: true, own: 200, other: 404},
	"pinMemory":                {roles: people, keys: true, own: 204, other: 404},
	"unpinMemory":              {roles: people, keys: true, own: 204, other: 404},
	"correctMemory":            {roles: people, keys: true, own: 202, other: 404, body: `{"text":"I planted roses."}`},
	"listMemoryWrites":         {roles: people, keys: true, own: 200, other: 200},
	"getMemoryWrite":           {roles: people, keys: true, own: 200, other: 404},
	"retryMemoryWrite":         {roles: people, keys: true, own: 404, other: 404},
	"dropMemoryWrite":          {roles: people, keys: true, own: 404, other: 404},
	"importMemories":           {roles: people, keys: true, own: 202, other: 202, body: `{"session":"a","said_at":"2025-01-01T10:00:00Z","text":"I planted tulips."}`},
	"getMemoryImport":          {roles: people, keys: true, own: 200, other: 404},
	"readMemoryGraph":          {roles: people, keys: true, own: 200, other: 200},
	"listFacts":                {roles: people, keys: true, own: 200, other: 200},
	"retractFact":              {roles: people, keys: true, own: 204, other: 404},
	"previewForgetting":        {roles: people, keys: true, own: 201, other: 404, body: `{"memories":["{memory_id}"]}`},
	"getForgetting":            {roles: people, keys: true, own: 200, other: 404},
	"confirmForgetting":        {roles: people, keys: true, own: 202, other: 404},
	"storeVaultItem":           {roles: people, stepUp: true, own: 202, other: 202, body: `{"text":"I planted tulips.","consent":true}`},
	"listVaultItems":           {roles: people, stepUp: true, own: 200, other: 200, query: "?consent=true"},
	"readVaultItem":            {roles: people, stepUp: true, own: 200, other: 404, query: "?consent=true"},
	"deleteVaultItem":          {roles: people, stepUp: true, own: 202, other: 404, query: "?consent=true"},
	"openVault":                {roles: people, stepUp: true, own: 201, other: 422, body: `{"session_id":"{session_id}","consent":true}`},
	"closeVault":               {roles: people, stepUp: true, own: 204, other: 404},
	"listVaultAccesses":        {roles: people, stepUp: true, own: 200, other: 200},
	"listPatterns":             {roles: people, keys: true, own: 200, other: 200},
	"consolidateMemory":        {roles: people, keys: true, own: 202, other: 202},
	"previewErasure":           {roles: people, own: 200, other: 200},
	"requestErasure":           {roles: people, stepUp: true, own: 202, other: 202, body: `{"confirm":"erase everything"}`},
	"getErasure":               {roles: people, own: 200, other: 404},
	"cancelErasure":            {roles: people, own: 200, other: 404},
	"confirmErasure":           {roles: people, stepUp: true, own: 409, other: 404}, // theirs was cancelled, so that they stay
	"requestExport":            {roles: people, stepUp: true, own: 202, other: 202, body: `{"passphrase":"` + strongPassphrase + `"}`},
	"listExports":              {roles: people, own: 200, other: 200},
	"getExport":                {roles: people, own: 200, other: 404},
	"downloadExport":           {roles: people, own: 200, other: 404},
	"deleteExport":             {roles: people, stepUp: true, own: 204, other: 404},
	"importExport":             {roles: people, stepUp: true, own: 202, other: 202, body: noArchive},
	"getExportImport":          {roles: people, own: 200, other: 404},
	"composeReflectionPrompts": {roles: people, keys: true, own: 200, other: 200, body: `{"emotion":"joy"}`},
	"listPurposes":             {roles: people, keys: true, own: 200, other: 200},
	"listConsents":             {roles: people, keys: true, own: 200, other: 200},
	"listConsentHistory":       {roles: people, keys: true, own: 200, other: 200},
	"decideConsent":            {roles: people, own: 200, other: 200, body: `{"decision":"given","text_version":1,"language":"en"}`},
	"getRestriction":           {roles: people, keys: true, own: 200, other: 200},
	"placeRestriction":         {roles: people, own: 200, other: 200},
	"liftRestriction":          {roles: people, own: 204, other: 204},
	"getDoNotSell":             {roles: people, keys: true, own: 200, other: 200},
	"setDoNotSell":             {roles: people, own: 200, other: 200, body: `{"enabled":false}`},
	"listBackups":              {roles: keepers, keys: true, own: 200, other: 200},
	"getBackup":                {roles: keepers, keys: true, own: 404, other: 404},
	"getBackupRun":             {roles: keepers, keys: true, own: 404, other: 404},
	"takeBackup":               {roles: operators, stepUp: true, own: 202, other: 202, body: `{"unproven":true}`},
	"proveBackup":              {roles: operators, stepUp: true, own: 404, other: 404},
	"holdBackup":               {roles: operators, stepUp: true, own: 404, other: 404, body: `{"held":true}`},
	"listPrivacyRequests":      {roles: people, keys: true, own: 200, other: 200},
	"listPrivacyAccesses":      {roles: people, keys: true, own: 200, other: 200},
	"listPrivacyRegister":      {roles: officers, own: 200, other: 200},
	"extendPrivacyRequest":     {roles: officers, stepUp: true, own: 404, other: 404, body: `{"reason":"complexity"}`},
	"placeLegalHold":           {roles: officers, stepUp: true, own: 404, other: 404, body: `{"approval":"{session_id}"}`},
	"releaseLegalHold":         {roles: officers, stepUp: true, own: 404, other: 404, body: `{"approval":"{session_id}"}`},
	"listLegalHolds":           {roles: []identity.Role{identity.Person, identity.PrivacyOfficer}, own: 200, other: 200},
	"viewPerson":               {roles: []identity.Role{identity.Support, identity.PrivacyOfficer}, own: 404, other: 200},
	"listRetentionReports":     {roles: readers, own: 200, other: 200},
	"getRetentionReport":       {roles: readers, own: 404, other: 404},
	"simulateRetention":        {roles: readers, own: 200, other: 200, query: "?days=7"},
	"listEncryptionReports":    {roles: readers, own: 200, other: 200},
	"getEncryptionReport":      {roles: readers, own: 404, other: 404},
	// There is one region here; who may not is told so first.
	"getReplication":  {roles: operators, keys: true, own: 409, other: 409},
	"listFailovers":   {roles: operators, keys: true, own: 409, other: 409},
	"getFailover":     {roles: operators, keys: true, own: 409, other: 409},
	"listDrills":      {roles: operators, keys: true, own: 409, other: 409},
	"startFailover":   {roles: operators, stepUp: true, own: 409, other: 409, body: `{"planned":true}`},
	"approveFailover": {roles: operators, stepUp: true, own: 409, other: 409, body: `{"approval":"{session_id}"}`},
	"cancelFailover":  {roles: operators, stepUp: true, own: 409, other: 409},
	"restoreBackup":   {roles: operators, stepUp: true, own: 202, other: 202, body: `{"backup":"` + noBackup + `","approval":"{session_id}","into":"nowhere"}`},
}

// noBackup is the id of one that was never taken: the matrix has none, and a run that finds none fails by itself.
const noBackup = "20261127T012000Z-postgres-0f3a9c1e"

// public is what anybody may ask for without a token.
var public = []string{"getHealth", "getReadiness", "getCertificates"}

// operation is one operation of the contract.
type operation struct{ id, method, path, scope string }

func operations(t *testing.T) []operation {
	t.Helper()
	doc, err := api.GetSpec()
	require.NoError(t, err)
	var all []operation
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			// The generator capitalises the ids of the copy in the binary.
			op.OperationID = strings.ToLower(op.OperationID[:1]) + op.OperationID[1:]
			if op.Security != nil && len(*op.Security) == 0 {
				require.Contains(t, public, op.OperationID, "%s %s is open to anybody; is that meant?", method, path)
				continue
			}
			require.Contains(t, matrix, op.OperationID, "%s %s is not in the matrix", method, path)
			all = append(all, operation{id: op.OperationID, method: method, path: path, scope: (*op.Security)[0]["bearer"][0]})
		}
	}
	require.Len(t, all, len(matrix), "the matrix has a rule for an operation that is gone")
	return all
}

// member is a caller with things of their own to ask for.
type member struct {
	role    identity.Role
	name    string
	tokens  map[string]string // by state
	session string
	said    string
	key     string
	// colleague asks for approvals in the place of a person, who cannot.
	colleague *member
	// memory, write, moved, fact and forgetting are of their memory; roles without one have
	// ids that name nothing.
	memory, write, moved, fact, forgetting, item, opening string
	// export is one that can be fetched, and brought an import of one.
	export, brought string
	// person is how staff ask for them.
	person string
	// erasure is one that they have taken back.
	erasure string
	// escalation is a case that nobody has taken care of.
	escalation string
}

// TestEveryRouteForEveryRole asserts every cell of route × role × own or other ×
// state of the token.
func TestEveryRouteForEveryRole(t *testing.T) {
	issuer := identitytest.NewIssuer(t)
	s := newSite(t, "MEAI_IDENTITY_DEVELOPMENT=false", "MEAI_IDENTITY_ISSUER="+issuer.URL)
	_, base := s.serve(t, "up")
	members := map[identity.Role]*member{}
	for _, role := range identity.Roles {
		members[role] = newMember(t, issuer, base, role)
	}
	stranger := newMember(t, issuer, base, identity.Person)
	stranger.colleague = newMember(t, issuer, base, identity.Operator)
	s.run(t, "audit", "checkpoint")
	cells := 0
	for _, op := range operations(t) {
		r := matrix[op.id]
		for role, m := range members {
			allowed := slices.Contains(r.roles, role)
			for state, token := range m.tokens {
				for target, owner := range map[string]*member{"own": m, "other": stranger} {
					want, code := r.own, ""
					if target == "other" {
						want = r.other
					}
					switch {
					case !slices.Contains([]string{"good", "one factor"}, state):
						want, code = 401, "unauthenticated"
					case !allowed && !slices.Contains(r.later, role):
						want, code = 403, "forbidden"
					case r.stepUp && state == "one factor":
						want, code = 401, "step_up_required"
					case !allowed:
						want, code = 403, "forbidden"
					}
					if owner.escalation = uuid.NewString(); code == "" && strings.Contains(op.path, "{escalation_id}") {
						owner.escalation = newEscalation(t, base, stranger, members[identity.Support])
					}
					cells++
					status, problem := send(t, base, op, r, token, owner)
					require.Equal(t, want, status, "%s as %s with a token that is %s, for %s: %s", op.id, role, state, target, problem.Detail)
					if code != "" {
						require.Equal(t, code, problem.Code, "%s as %s with a token that is %s, for %s", op.id, role, state, target)
					}
				}
			}
		}
	}
	t.Logf("%d cells: %d routes, %d roles, %d states of the token, own and other", cells, len(matrix), len(members), len(stranger.tokens))
	t.Run("API keys", func(t *testing.T) { keysReachTheirScope(t, base, members[identity.Person], stranger) })
}

// newMember signs somebody in and gives them a session with an answered message
// and an API key, as far as their role goes.
func newMember(t *testing.T, issuer *identitytest.Issuer, base string, role identity.Role) *member {
	t.Helper()
	none := uuid.NewString()
	m := &member{role: role, name: string(role) + "-" + uuid.NewString(), session: none, said: none, memory: none, write: none, moved: none, fact: none, forgetting: none, item: none, opening: none, person: none, erasure: none, export: none, brought: none}
	claims := func(change map[string]any) map[string]any {
		all := map[string]any{"roles": []string{string(role)}}
		maps.Copy(all, identitytest.MultiFactor())
		maps.Copy(all, change)
		return issuer.Claims(m.name, all)
	}
	good := issuer.Token(t, claims(map[string]any{"exp": time.Now().Add(55 * time.Minute).Unix()}))
	m.tokens = map[string]string{
		"good":               good,
		"one factor":         issuer.Token(t, claims(map[string]any{"amr": []string{"pwd"}})),
		"missing":            "",
		"expired":            issuer.Token(t, claims(map[string]any{"iat": time.Now().Add(-time.Hour).Unix(), "exp": time.Now().Add(-10 * time.Minute).Unix()})),
		"for another server": issuer.Token(t, claims(map[string]any{"aud": []string{"elsewhere"}})),
		"tampered with":      identitytest.Tampered(t, good, "somebody-else"),
	}
	p := withToken(t, base, good)
	made, err := p.api.CreateAPIKeyWithResponse(t.Context(), client.NewAPIKey{Scopes: []client.Scope{"memory"}, Days: 1})
	require.NoError(t, err)
	require.NotNil(t, made.JSON201, "%s", made.Body)
	m.key = made.JSON201.Details.Id.String()
	if role == identity.Person {
		p.agree(t)
		p.begin(t)
		m.session, m.person = p.session.String(), p.subject.String()
		m.said = p.await(t, p.tell(t, "I went for a walk with my dog.").Id, within).Id.String()
		m.ownMemory(t, base)
	}
	return m
}

// ownMemory gives a person something of everything that memory keeps.
func (m *member) ownMemory(t *testing.T, base string) {
	t.Helper()
	p := withToken(t, base, m.tokens["good"])
	m.memory, m.write = m.remembered(t, base, "I live in Porto.")
	facts, err := p.api.ListFactsWithResponse(t.Context(), nil)
	require.NoError(t, err)
	require.Len(t, facts.JSON200.Facts, 1)
	m.fact = facts.JSON200.Facts[0].Id.String()
	m.moved = p.imports(t, `{"session":"a","said_at":"2025-01-01T10:00:00Z","text":"I planted tulips."}`).Id.String()
	spare, _ := m.remembered(t, base, "I sold my bike.")
	preview, err := p.api.PreviewForgettingWithResponse(t.Context(), client.ForgettingSelection{Memories: []uuid.UUID{uuid.MustParse(spare)}})
	require.NoError(t, err)
	require.NotNil(t, preview.JSON201, "%s", preview.Body)
	m.forgetting = preview.JSON201.Id.String()
	m.item = p.vaults(t, "I never told anybody.").String()
	opening, err := p.api.OpenVaultWithResponse(t.Context(), client.NewVaultOpening{SessionId: uuid.MustParse(m.session), Consent: true})
	require.NoError(t, err)
	require.NotNil(t, opening.JSON201, "%s", opening.Body)
	m.opening = opening.JSON201.Id.String()
	asked, err := p.api.RequestErasureWithResponse(t.Context(), client.NewErasure{Confirm: client.NewErasureConfirmEraseEverything})
	require.NoError(t, err)
	require.NotNil(t, asked.JSON202, "%s", asked.Body)
	back, err := p.api.CancelErasureWithResponse(t.Context(), asked.JSON202.Id)
	require.NoError(t, err)
	require.NotNil(t, back.JSON200, "%s", back.Body)
	m.erasure = asked.JSON202.Id.String()
	m.export = p.exports(t, client.NewExport{Passphrase: strongPassphrase}).Id.String()
	m.brought = p.brings(t, "", strings.NewReader(noArchive)).Id.String()
}

// remembered stores a memory and returns the ids of its turn and of its write.
func (m *member) remembered(t *testing.T, base, text string) (memory, write string) {
	t.Helper()
	p := withToken(t, base, m.tokens["good"])
	w := p.stores(t, text)
	return p.turnOf(t, w).String(), w.String()
}

// send asks for what belongs to the owner and returns the status and, for a
// refusal, the problem.
func send(t *testing.T, base string, op operation, r rule, token string, owner *member) (int, client.Problem) {
	t.Helper()
	named := strings.NewReplacer("{session_id}", owner.session, "{interaction_id}", owner.said, "{key_id}", owner.key, "{index}", "0", "{escalation_id}", owner.escalation, "{resource_id}", "feeling-good", "{backup_id}", noBackup, "{run_id}", uuid.NewString(), "{report_id}", uuid.NewString(), "{failover_id}", uuid.NewString(),
		"{memory_id}", owner.memory, "{write_id}", owner.write, "{import_id}", owner.moved, "{fact_id}", owner.fact, "{forgetting_id}", owner.forgetting,
		"{item_id}", owner.item, "{opening_id}", owner.opening, "{person_id}", owner.person, "{request_id}", uuid.NewString(), "{hold_id}", uuid.NewString(),
		"{purpose}", "memory", "{erasure_id}", owner.erasure, "{export_id}", owner.export)
	if op.id == "deleteVaultItem" && owner.role == identity.Person {
		named = strings.NewReplacer("{item_id}", withToken(t, base, owner.tokens["good"]).vaults(t, "I planted tulips.").String())
	}
	switch {
	case op.id == "getExportImport":
		named = strings.NewReplacer("{import_id}", owner.brought)
	case op.id == "deleteExport" && owner.role == identity.Person && token == owner.tokens["good"]:
		spare := withToken(t, base, token).exports(t, client.NewExport{Passphrase: strongPassphrase})
		named = strings.NewReplacer("{export_id}", spare.Id.String()) // the other one is to be fetched
	}
	if op.id == "correctMemory" && owner.role == identity.Person {
		spare, _ := owner.remembered(t, base, "I planted tulips.")
		named = strings.NewReplacer("{memory_id}", spare) // it can be corrected once
	}
	path, body := named.Replace(op.path), named.Replace(r.body)
	// A session that ends is one of its own, for the others to go on.
	if op.id == "endSession" && token != "" && owner.role == identity.Person {
		path = strings.Replace(path, owner.session, owner.spareSession(t, base), 1)
	}
	if before, after, found := strings.Cut(path, "{approval_id}"); found {
		path = before + owner.newApproval(t, base) + after
	}
	status, problem := ask(t, op, r, base+path, body, token)
	for problem.Code == "export_running" { // one at a time, and they end by themselves
		time.Sleep(100 * time.Millisecond)
		status, problem = ask(t, op, r, base+path, body, token)
	}
	if op.id == "placeRestriction" && status == http.StatusOK { // the others go on with this person
		send(t, base, operation{id: "liftRestriction", method: http.MethodDelete, path: op.path}, rule{}, token, owner)
	}
	return status, problem
}

// ask sends one request.
func ask(t *testing.T, op operation, r rule, url, body, token string) (int, client.Problem) {
	t.Helper()
	kind := "application/json"
	switch op.id {
	case "importMemories":
		kind = "application/x-ndjson"
	case "importExport":
		body, kind = formOf(t, "", strings.NewReader(body))
	}
	request, err := http.NewRequestWithContext(t.Context(), op.method, url+r.query, strings.NewReader(body))
	require.NoError(t, err)
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	if r.body != "" {
		request.Header.Set("Content-Type", kind)
	}
	if slices.Contains([]string{
		"createInteraction", "requestApproval", "storeMemory", "correctMemory", "importMemories", "storeVaultItem", "takeBackup", "startFailover", "proveBackup", "restoreBackup",
		"requestExport", "importExport",
	}, op.id) {
		request.Header.Set("Idempotency-Key", uuid.NewString())
	}
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer func() { require.NoError(t, response.Body.Close()) }()
	var problem client.Problem
	if response.StatusCode >= 400 {
		problem = decodeProblem(t, response)
	} else {
		_, err = io.Copy(io.Discard, response.Body)
		require.NoError(t, err)
	}
	return response.StatusCode, problem
}

func (m *member) spareSession(t *testing.T, base string) string {
	t.Helper()
	p := withToken(t, base, m.tokens["good"])
	p.begin(t)
	return p.session.String()
}

// newEscalation is the case of somebody in danger.
func newEscalation(t *testing.T, base string, somebody, duty *member) string {
	t.Helper()
	p := withToken(t, base, somebody.tokens["good"])
	p.begin(t)
	p.tell(t, inDanger)
	return raised(t, withToken(t, base, duty.tokens["good"])).Id.String()
}

// newApproval is one that the member has just asked for; some UUID for a person,
// whom nobody lets ask.
func (m *member) newApproval(t *testing.T, base string) string {
	t.Helper()
	if m.colleague != nil {
		m = m.colleague
	}
	if m.role == identity.Person {
		return uuid.NewString()
	}
	p := withToken(t, base, m.tokens["good"])
	asked, err := p.api.RequestApprovalWithResponse(t.Context(), &client.RequestApprovalParams{IdempotencyKey: uuid.NewString()}, client.NewApproval{
		Act: client.ApprovalActElevate, Parameters: map[string]string{"role": "auditor", "minutes": "5"}, Reason: "To look at the log.",
	})
	require.NoError(t, err)
	require.NotNil(t, asked.JSON201, "%s", asked.Body)
	return asked.JSON201.Id.String()
}

// keysReachTheirScope asserts every route for a key of every scope.
func keysReachTheirScope(t *testing.T, base string, m, stranger *member) {
	p := withToken(t, base, m.tokens["good"])
	all := operations(t)
	for _, made := range []client.Scope{"conversation:read", "conversation:write", "mirror", "memory", "bridge", "truthfilter", "account:read", "privacy:read"} {
		key, err := p.api.CreateAPIKeyWithResponse(t.Context(), client.NewAPIKey{Scopes: []client.Scope{made}, Days: 1})
		require.NoError(t, err)
		require.NotNil(t, key.JSON201, "%s", key.Body)
		for _, op := range all {
			r := matrix[op.id]
			for target, owner := range map[string]*member{"own": m, "other": stranger} {
				want := map[string]int{"own": r.own, "other": r.other}[target]
				if !r.keys || op.scope != string(made) {
					want = http.StatusForbidden
				}
				status, problem := send(t, base, op, r, key.JSON201.Key, owner)
				require.Equal(t, want, status, "%s with a key for %s, for %s: %s", op.id, made, target, problem.Code)
			}
		}
	}
	t.Run("more roles than one's own", func(t *testing.T) {
		got, err := p.api.CreateAPIKeyWithResponse(t.Context(), client.NewAPIKey{Roles: []client.Role{"person", "admin"}, Scopes: []client.Scope{"memory"}, Days: 1})
		require.NoError(t, err)
		require.Equal(t, http.StatusUnprocessableEntity, got.StatusCode())
	})
	t.Run("shown once", func(t *testing.T) {
		got, err := p.api.ListAPIKeysWithResponse(t.Context(), nil)
		require.NoError(t, err)
		require.NotEmpty(t, got.JSON200.Keys)
		require.NotContains(t, string(got.Body), "meai_")
	})
}
