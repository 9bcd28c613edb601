package authorization_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"meai/internal/authorization"
	"meai/internal/identity"
)

var now = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

// who is a caller who has just signed in with two factors.
func who(role identity.Role, change ...func(*identity.Caller)) identity.Caller {
	c := identity.Caller{Principal: uuid.New(), Roles: []identity.Role{role}, Method: identity.Token, MultiFactor: true, AuthTime: now.Add(-time.Minute)}
	if role == identity.Person {
		c.Subject = c.Principal
	}
	for _, f := range change {
		f(&c)
	}
	return c
}

func ownSubject(of identity.Caller) func(*identity.Caller) {
	return func(c *identity.Caller) { c.Subject = of.Subject }
}

func oneFactor(c *identity.Caller) { c.MultiFactor = false }

func withKey(scopes ...string) func(*identity.Caller) {
	return func(c *identity.Caller) {
		c.Method, c.Scopes, c.MultiFactor, c.AuthTime = identity.APIKey, scopes, false, time.Time{}
	}
}

func TestDecisions(t *testing.T) {
	policies, err := authorization.Load()
	require.NoError(t, err)
	anna := who(identity.Person)
	for name, c := range map[string]struct {
		caller        identity.Caller
		action, scope string
		subject       uuid.UUID
		want          authorization.Decision
	}{
		"own conversation":                      {anna, "getSession", "conversation:read", anna.Subject, authorization.Allowed},
		"another person's":                      {anna, "getSession", "conversation:read", uuid.New(), authorization.Denied},
		"an operation nobody has thought of":    {anna, "dropEverything", "everything", anna.Subject, authorization.Denied},
		"an administrator in a conversation":    {who(identity.Admin), "getSession", "conversation:read", uuid.New(), authorization.Denied},
		"an administrator with nobody's data":   {who(identity.Admin), "getSession", "conversation:read", uuid.Nil, authorization.Denied},
		"person without a subject":              {who(identity.Person, func(c *identity.Caller) { c.Subject = uuid.Nil }), "getSession", "conversation:read", anna.Subject, authorization.Denied},
		"person and operator, another person's": {who(identity.Person, func(c *identity.Caller) { c.Roles = append(c.Roles, identity.Operator) }), "getMe", "account:read", anna.Subject, authorization.Denied},
		"key for it":                            {who(identity.Person, withKey("memory")), "queryMemory", "memory", uuid.Nil, authorization.Denied},
		"nobody's role":                         {who("root"), "getSession", "conversation:read", uuid.Nil, authorization.Denied},
		"who am I":                              {who(identity.Support), "getMe", "account:read", uuid.Nil, authorization.Allowed},
		"a process":                             {who(identity.Service, func(c *identity.Caller) { c.Method = identity.Certificate }), "getMe", "account:read", uuid.Nil, authorization.Allowed},
		"a process makes no keys":               {who(identity.Service, func(c *identity.Caller) { c.Method = identity.Certificate }), "createAPIKey", "keys:write", uuid.Nil, authorization.Denied},
		"a new key":                             {who(identity.Operator), "createAPIKey", "keys:write", uuid.Nil, authorization.Allowed},
		"a new key with one factor":             {who(identity.Operator, oneFactor), "createAPIKey", "keys:write", uuid.Nil, authorization.StepUp},
		"a new key, proved this morning":        {who(identity.Operator, func(c *identity.Caller) { c.AuthTime = now.Add(-3 * time.Hour) }), "createAPIKey", "keys:write", uuid.Nil, authorization.StepUp},
		"a key makes no keys":                   {who(identity.Operator, withKey("keys:write")), "createAPIKey", "keys:write", uuid.Nil, authorization.Denied},
		"an auditor agrees to nothing":          {who(identity.Auditor), "agree:elevate", "approval:act", uuid.Nil, authorization.Denied},
		"an administrator agrees":               {who(identity.Admin), "agree:elevate", "approval:act", uuid.Nil, authorization.Allowed},
		"a person asks for no approvals":        {who(identity.Person), "requestApproval", "approvals:write", uuid.Nil, authorization.Denied},
		"an auditor who has a companion too":    {who(identity.Person, func(c *identity.Caller) { c.Roles = append(c.Roles, identity.Auditor) }), "listAuditEntries", "audit", uuid.Nil, authorization.Allowed},
		"a person reads no audit log":           {who(identity.Person), "listAuditEntries", "audit", uuid.Nil, authorization.Denied},
		"an operator takes a backup":            {who(identity.Operator), "takeBackup", "backups:write", uuid.Nil, authorization.Allowed},
		"an operator with one factor does not":  {who(identity.Operator, oneFactor), "takeBackup", "backups:write", uuid.Nil, authorization.StepUp},
		"an administrator takes none":           {who(identity.Admin), "takeBackup", "backups:write", uuid.Nil, authorization.Denied},
		"an administrator sees what there is":   {who(identity.Admin), "listBackups", "backups:read", uuid.Nil, authorization.Allowed},
		"a person agrees with one factor":       {who(identity.Person, oneFactor, ownSubject(anna)), "decideConsent", "privacy:write", anna.Subject, authorization.Allowed},
		"nobody agrees for another person":      {who(identity.Person), "decideConsent", "privacy:write", anna.Subject, authorization.Denied},
		"a key agrees to nothing":               {who(identity.Person, withKey("privacy:write"), ownSubject(anna)), "decideConsent", "privacy:write", anna.Subject, authorization.Denied},
		"a key sees what was agreed to":         {who(identity.Person, withKey("privacy:read"), ownSubject(anna)), "listConsents", "privacy:read", anna.Subject, authorization.Allowed},
		"a privacy officer agrees for nobody":   {who(identity.PrivacyOfficer), "decideConsent", "privacy:write", anna.Subject, authorization.Denied},
		"support sees none":                     {who(identity.Support), "listBackups", "backups:read", uuid.Nil, authorization.Denied},
		"an auditor's key sees what there is":   {who(identity.Auditor, withKey("backups:read")), "listBackups", "backups:read", uuid.Nil, authorization.Allowed},
		"a key restores nothing":                {who(identity.Operator, withKey("backups:write")), "restoreBackup", "backups:write", uuid.Nil, authorization.Denied},
		"an operator fails over":                {who(identity.Operator), "startFailover", "operations:write", uuid.Nil, authorization.Allowed},
		"an operator with one factor, not so":   {who(identity.Operator, oneFactor), "cancelFailover", "operations:write", uuid.Nil, authorization.StepUp},
		"an operator's key sees the regions":    {who(identity.Operator, withKey("operations:read")), "getReplication", "operations:read", uuid.Nil, authorization.Allowed},
		"a key fails nothing over":              {who(identity.Operator, withKey("operations:write")), "startFailover", "operations:write", uuid.Nil, authorization.Denied},
		"an administrator sees no regions":      {who(identity.Admin), "getReplication", "operations:read", uuid.Nil, authorization.Denied},
		"an auditor reads reports":              {who(identity.Auditor), "listRetentionReports", "privacy:reports", uuid.Nil, authorization.Allowed},
		"an operator reads none":                {who(identity.Operator), "simulateRetention", "privacy:reports", uuid.Nil, authorization.Denied},
		"no proof helps where nothing is meant": {who(identity.Support, oneFactor), "getSession", "conversation:read", uuid.Nil, authorization.Denied},
	} {
		t.Run(name, func(t *testing.T) {
			got := policies.Decide(authorization.Request{Caller: c.caller, Action: c.action, Scope: c.scope, Subject: c.subject, Now: now})
			require.Equal(t, c.want, got)
		})
	}
}

func TestAKeyReachesItsScopesOnly(t *testing.T) {
	policies, err := authorization.Load()
	require.NoError(t, err)
	for _, scope := range []string{"conversation:read", "conversation:write", "mirror", "memory", "bridge", "truthfilter"} {
		for _, made := range []string{"conversation:read", "conversation:write", "mirror", "memory", "bridge", "truthfilter"} {
			c := who(identity.Person, withKey(made))
			got := policies.Decide(authorization.Request{Caller: c, Action: "x", Scope: scope, Subject: c.Subject, Now: now})
			require.Equal(t, scope == made, got == authorization.Allowed, "made for %s, used for %s", made, scope)
		}
	}
}

func BenchmarkDecide(b *testing.B) {
	policies, err := authorization.Load()
	require.NoError(b, err)
	anna := who(identity.Person)
	b.ReportAllocs()
	for b.Loop() {
		if policies.Decide(authorization.Request{Caller: anna, Action: "getSession", Scope: "conversation:read", Subject: anna.Subject, Now: now}) != authorization.Allowed {
			b.Fatal("denied")
		}
	}
}
