// Package config reads MeAi's configuration: built-in defaults, then a YAML
// file, then MEAI_* environment variables, each overriding the one before.
//
// Every key is a field of [Config]; its tags carry the default, the rule it must
// satisfy and the sentence that docs/configuration.md shows, so the reference
// cannot drift from the code.
package config

import (
	"net/url"
	"time"
)

// Config is the whole configuration of a MeAi process.
type Config struct {
	API        API        `koanf:"api"`
	Identity   Identity   `koanf:"identity"`
	Postgres   Postgres   `koanf:"postgres"`
	Temporal   Temporal   `koanf:"temporal"`
	Weaviate   Weaviate   `koanf:"weaviate"`
	Keyring    Keyring    `koanf:"keyring"`
	Ledger     Ledger     `koanf:"ledger"`
	Audit      Audit      `koanf:"audit"`
	Backup     Backup     `koanf:"backup"`
	Embedding  Embedding  `koanf:"embedding"`
	Memory     Memory     `koanf:"memory"`
	Language   Language   `koanf:"language"`
	Bridge     Bridge     `koanf:"bridge"`
	Telemetry  Telemetry  `koanf:"telemetry"`
	Session    Session    `koanf:"session"`
	Filter     Filter     `koanf:"filter"`
	Limits     Limits     `koanf:"limits"`
	Codec      Codec      `koanf:"codec"`
	Escalation Escalation `koanf:"escalation"`
	TLS        TLS        `koanf:"tls"`
	Privacy    Privacy    `koanf:"privacy"`
	Regions    Regions    `koanf:"regions"`
	Failover   Failover   `koanf:"failover"`
	Drills     Drills     `koanf:"drills"`
}

// API configures the HTTP server.
type API struct {
	Listen          string        `koanf:"listen" default:"127.0.0.1:8080" validate:"hostname_port" doc:"Address the HTTP API listens on."`
	PublicURL       string        `koanf:"public_url" validate:"omitempty,url" doc:"Address of the API as its callers see it; http://<listen> when empty."`
	ShutdownTimeout time.Duration `koanf:"shutdown_timeout" default:"20s" validate:"gt=0" doc:"How long running requests may finish after a stop signal."`
	TrustedProxies  []string      `koanf:"trusted_proxies" validate:"dive,cidr" doc:"Networks (CIDR) of the proxies in front, whose X-Forwarded-For names the client's address. Empty: the peer is the client, and the header is ignored."`
	CORSOrigins     []string      `koanf:"cors_origins" validate:"dive,origin" doc:"Origins of web pages that may call the API from a browser, such as https://app.example. Empty for none; there are no patterns."`
}

// Identity says whose access tokens the API accepts.
type Identity struct {
	Issuer      string        `koanf:"issuer" validate:"omitempty,url" doc:"Issuer URL of the OpenID provider, exactly as its tokens spell it."`
	Audience    string        `koanf:"audience" default:"meai" validate:"required" doc:"Audience that access tokens must name."`
	RolesClaim  string        `koanf:"roles_claim" default:"roles" validate:"required" doc:"Claim that lists roles: an array, words in one text, or an object whose keys count; dots lead into objects (realm_access.roles). A token without a role of MeAi's is a person's."`
	RolesPrefix string        `koanf:"roles_prefix" doc:"What precedes MeAi's roles in that claim (meai- for meai-operator)."`
	StepUpACR   string        `koanf:"step_up_acr" doc:"Values of the acr claim, separated by spaces, that mean several factors; amr is understood without."`
	ClockSkew   time.Duration `koanf:"clock_skew" default:"1m" validate:"min=0s,max=5m" doc:"How far the provider's clock may be from ours."`
	Development bool          `koanf:"development" default:"false" doc:"Run the built-in OpenID provider and trust it instead of issuer. Anyone who reaches the port can be anyone: the public address must be one of this machine, the port open to it alone. Never for production."`
}

// Postgres configures the three database roles.
type Postgres struct {
	URL       string `koanf:"url" validate:"required,postgres" secret:"true" doc:"Connection URL of the application role (no superuser, row-level security applies)."`
	OwnerURL  string `koanf:"owner_url" validate:"omitempty,postgres" secret:"true" doc:"Connection URL of the owning role; only meai migrate uses it."`
	ReaderURL string `koanf:"reader_url" validate:"omitempty,postgres" secret:"true" doc:"Connection URL of the read-only role, for operators."`
	MaxConns  int32  `koanf:"max_conns" default:"8" validate:"min=2,max=500" doc:"Most connections one process opens; 2 to 4 for each core is enough."`
}

// Temporal configures durable execution.
type Temporal struct {
	Address     string `koanf:"address" default:"127.0.0.1:7233" validate:"hostname_port" doc:"Address of the Temporal frontend."`
	Namespace   string `koanf:"namespace" default:"meai" validate:"required" doc:"Temporal namespace; meai apply creates it."`
	Declaration string `koanf:"declaration" default:"temporal.yaml" validate:"required" doc:"File that declares namespace, search attributes, task queues and schedules."`
	UIURL       string `koanf:"ui_url" validate:"omitempty,url" doc:"Base URL of the Temporal UI; answers then carry a link to their workflow."`
	APIKey      string `koanf:"api_key" secret:"true" doc:"API key for Temporal Cloud; empty for none."`
	TLS         bool   `koanf:"tls" default:"false" doc:"Use TLS towards Temporal; implied by api_key."`
}

// Weaviate configures the vector index.
type Weaviate struct {
	URL     string        `koanf:"url" default:"http://127.0.0.1:8085" validate:"url" doc:"Base URL of Weaviate's HTTP API."`
	APIKey  string        `koanf:"api_key" secret:"true" doc:"Weaviate API key."`
	Timeout time.Duration `koanf:"timeout" default:"2s" validate:"gt=0" doc:"Longest wait for one call; after it recall degrades to the lexical arm."`
}

// Keyring configures where the subjects' keys live and what wraps them.
type Keyring struct {
	Bucket     string        `koanf:"bucket" default:"file://.local/keyring?create_dir=true" validate:"required,uri" doc:"Bucket URL of the keyring (file, s3, gs, azblob). Never part of a backup."`
	Region     string        `koanf:"region" doc:"Region of that bucket; compared with the replicas' regions."`
	Replicas   string        `koanf:"replicas" doc:"Further buckets with the same keys, as region=URL separated by spaces. Use two, one of them in another region. A key is used only once a majority, and one outside the region, holds it."`
	KEK        string        `koanf:"kek" default:"file://.local/kek.key" validate:"required,uri" secret:"true" doc:"Key-encryption key: file:// for a local key file (made 0600 on first use), or a gocloud.dev/secrets URL (awskms, gcpkms, azurekeyvault, hashivault)."`
	KEKEpoch   string        `koanf:"kek_epoch" default:"1" validate:"required" doc:"Name of that key. A new key needs a new name (a-z, 0-9, dash, dot)."`
	OtherKEKs  string        `koanf:"other_keks" secret:"true" doc:"Keys that only open, as epoch=URL separated by spaces: the next one before it is used, the last one until meai keys status gives it a destroy date."`
	ArchiveAge time.Duration `koanf:"archive_age" default:"840h" validate:"min=0" doc:"How long the oldest backup is kept; old key versions that it may need are kept as long. Archives of people keep theirs by themselves."`
	KEKGrace   time.Duration `koanf:"kek_grace" default:"168h" validate:"min=0" doc:"How long after the last re-wrapping an old key-encryption key is kept before its destroy date."`
}

// Ledger configures where the acts are kept that a restore must not undo.
type Ledger struct {
	Buckets string        `koanf:"buckets" default:"file://.local/ledger?create_dir=true" validate:"required" secret:"true" doc:"URLs of the ledger's stores (file, s3, gs, azblob), separated by commas; the same in the same order for every process. With three, one may be away. Never part of a backup."`
	Replay  time.Duration `koanf:"replay_interval" default:"30s" validate:"min=1s" doc:"How often each process applies to the database what a crash left in the ledger alone, and repairs stores."`
}

// Audit configures the signed checkpoints of the audit log.
type Audit struct {
	Interval time.Duration `koanf:"checkpoint_interval" default:"10m" validate:"min=1s" doc:"Longest time that an entry waits for a signed checkpoint. What has none yet could be cut off unnoticed by who owns the database."`
	Entries  int64         `koanf:"checkpoint_entries" default:"1000" validate:"min=1" doc:"Most entries that wait for one."`
}

// Backup configures how backups are taken.
type Backup struct {
	Bucket         string        `koanf:"bucket" validate:"omitempty,uri" secret:"true" doc:"Bucket of the backups (file, s3, gs, azblob). Empty: there are none. Never that of the keyring or the ledger."`
	PostgresURL    string        `koanf:"postgres_url" validate:"omitempty,postgres" secret:"true" doc:"Connection URL of the role that takes backups (replication, reads everything, writes nothing), to the product's database."`
	Custodians     string        `koanf:"custodians" validate:"required_with=Bucket" doc:"Who can open backups, two of them together: name=public key, separated by spaces; meai backup custodian makes the keys."`
	Prover         string        `koanf:"prover" doc:"Public key of the prover, which restores every backup into a scratch server. Empty: backups are taken and never proven."`
	ProverIdentity string        `koanf:"prover_identity" doc:"File with the prover's private key (mode 0600). It opens every backup: only for processes that serve the queue proving, where nothing else runs."`
	Opening        string        `koanf:"custodian_identities" doc:"Files with the private keys of two custodians, separated by spaces, for a machine on which a restore that was started by workflow runs. They put them there for it and take them away after it."`
	Scratch        string        `koanf:"scratch" default:".local/scratch" validate:"required" doc:"Folder of the scratch servers that backups are proven in; it needs room for the whole cluster."`
	Temporal       string        `koanf:"temporal_database" default:"temporal" doc:"Database of Temporal's persistence in the same cluster, whose histories a proof reads. Empty: Temporal is elsewhere."`
	Restores       string        `koanf:"restores" default:".local/restores" validate:"required" doc:"Folder in which restores that are started by workflow make new folders."`
	MaxRate        int           `koanf:"max_rate" default:"0" validate:"min=0,max=1048576" doc:"The most that a backup reads of PostgreSQL, in KiB a second; 0 for as fast as it goes."`
	Keep           time.Duration `koanf:"keep" default:"720h" validate:"min=1h" doc:"How long any moment of the past can be restored: backups of PostgreSQL and Weaviate, and write-ahead log."`
	WALStaging     string        `koanf:"wal_staging" default:".local/wal" validate:"required" doc:"Folder where meai backup archive receives write-ahead log before it is in the bucket."`
	WALSlot        string        `koanf:"wal_slot" default:"meai_archive" validate:"required" doc:"Replication slot that holds back what is not in the bucket yet."`
	PartialEvery   time.Duration `koanf:"partial_every" default:"30s" validate:"min=1s,max=60s" doc:"How often the piece of write-ahead log that is being written goes to the bucket: the most that is lost when the cluster and its disks are."`
	WeaviateBucket string        `koanf:"weaviate_bucket" validate:"omitempty,uri" secret:"true" doc:"URL of that place (BACKUP_FILESYSTEM_PATH or its bucket) as this process reaches it. Empty: the index is not backed up; it can be rebuilt from PostgreSQL."`
	WeaviateBinary string        `koanf:"weaviate_binary" doc:"Weaviate server that proves backups of the index; for processes that serve the queue proving."`
	Second         string        `koanf:"second" validate:"omitempty,uri" secret:"true" doc:"Bucket at a second location, to which the objects of copy are copied, and the marks of the backups."`
	Copy           string        `koanf:"copy" secret:"true" doc:"Buckets that are copied there: name=URL, separated by spaces; what vanishes is kept there for 90 days. Never the keyring."`
	Archive        string        `koanf:"archive" validate:"omitempty,uri" secret:"true" doc:"Bucket of the archives of single people, sealed with their own keys; one that can be written once only, if there is such. They are kept for 7 years. Empty: there are none."`
}

// Privacy configures how people's rights are carried out.
type Privacy struct {
	CoolingOff      time.Duration `koanf:"cooling_off" default:"168h" validate:"min=0,max=720h" doc:"How long a person may take back their request to be erased; they may also have it done at once."`
	Exports         string        `koanf:"exports" default:"file://.local/exports?create_dir=true" validate:"required,uri" secret:"true" doc:"Bucket of the exports that people ask for (file, s3, gs, azblob), encrypted to them. Objects can be deleted there."`
	ExportLifetime  time.Duration `koanf:"export_lifetime" default:"168h" validate:"min=1h,max=720h" doc:"How long an export can be fetched; it is deleted then."`
	Notify          string        `koanf:"notify" secret:"true" doc:"Whom time limits of requests are told to, as shoutrrr URLs separated by spaces (see escalation.l1.notify). Empty: they are in log and metrics only."`
	MaintenanceURLs string        `koanf:"maintenance_urls" secret:"true" doc:"Connection URLs of the roles that own the databases of MeAi and of Temporal, separated by spaces: an erasure ends with clearing dead rows out of their files. Only for processes that serve the queue privacy. Empty: that is left to autovacuum, and certificates say so."`
	ScanFolders     []string      `koanf:"scan_folders" doc:"Folders, such as PostgreSQL's and Weaviate's data, whose files an erasure searches for what should be gone, where this process can read them. Empty: stores are asked, files are not searched."`
}

// Regions configures two regions of which one serves and the other stands by.
type Regions struct {
	Name     string        `koanf:"name" validate:"omitempty,alphanum,lowercase,max=16" doc:"Region of this process, such as a: small letters and digits. Empty: there is one place only, and nothing fails over."`
	Cluster  string        `koanf:"cluster" default:"meai" validate:"alphanum,max=32" doc:"Name under which all regions of one system keep their records in etcd."`
	Etcd     []string      `koanf:"etcd" validate:"required_with=Name,dive,url" doc:"URLs of the members of the etcd cluster that decides which region serves; three members at three sites."`
	User     string        `koanf:"etcd_user" validate:"required_with=Password" doc:"User of etcd, where it asks for one (docs/runbooks/failover.md says what it may do). One that etcd knows by the common name of this process's certificate (tls.certificate) needs no password, and is not named here."`
	Password string        `koanf:"etcd_password" secret:"true" validate:"required_with=User" doc:"That user's password. It is sent over TLS alone: all of regions.etcd must be https."`
	Lease    time.Duration `koanf:"lease" default:"6s" validate:"min=2s,max=10s" doc:"How long a primary may serve without hearing from etcd; a fifth of it is kept as margin for clocks and for stopping. Whole seconds; the same everywhere."`
	Postgres []string      `koanf:"postgres" secret:"true" doc:"Connection URL of a superuser of each region's PostgreSQL, as region=URL. Its own tells an agent which address and port to listen on."`
	Data     string        `koanf:"data" default:".local/region" validate:"required" doc:"Folder in which the agent keeps its region's PostgreSQL: the cluster in data, beside it what the agent writes. PostgreSQL's account must be able to reach it."`
	Mode     string        `koanf:"mode" default:"async" validate:"oneof=async sync" doc:"async: the standby follows, and a failover may lose what it had not received. sync: a commit waits until the standby has applied it, and a failover loses nothing."`
	Patience time.Duration `koanf:"standby_patience" default:"10s" validate:"min=1s,max=20s" doc:"How long commits wait in sync mode for a standby that does not answer. Then the mode is recorded as degraded, first, and commits wait no longer. PostgreSQL acknowledges a commit that a statement's time limit (30 s) interrupts while it waits, so this is well below."`
}

// Embedding configures how text becomes vectors.
type Embedding struct {
	Provider   string        `koanf:"provider" default:"builtin" validate:"oneof=builtin openai" doc:"builtin (Universal Sentence Encoder lite, no network) or openai (any compatible endpoint)."`
	URL        string        `koanf:"url" validate:"required_if=Provider openai,omitempty,url" doc:"Base URL of the OpenAI-compatible endpoint."`
	APIKey     string        `koanf:"api_key" secret:"true" doc:"API key of that endpoint."`
	Model      string        `koanf:"model" validate:"required_if=Provider openai" doc:"Model name at that endpoint."`
	Dimensions int           `koanf:"dimensions" default:"512" validate:"min=8,max=8192" doc:"Length of the vectors; 512 for builtin."`
	Timeout    time.Duration `koanf:"timeout" default:"3s" validate:"gt=0" doc:"Longest wait for one embedding call; after it the step degrades."`
	Cache      int           `koanf:"cache" default:"512" validate:"min=0" doc:"Vectors kept in memory, keyed by a hash of the text."`
}

// Memory configures what is noticed in what people tell.
type Memory struct {
	TimeZone string `koanf:"time_zone" default:"UTC" validate:"timezone" doc:"Time zone, such as Europe/Berlin, in which people's days, weekdays and hours are told when recurring patterns are looked for. One for all: where each lives is not known."`
}

// Language configures the language model that writes answers and gives a second
// opinion on emotions. Without one MeAi does both by itself.
type Language struct {
	Provider        string        `koanf:"provider" default:"none" validate:"oneof=none openai" doc:"none (nothing is sent anywhere) or openai (any compatible endpoint). What people write is then sent to that endpoint, but for messages with signs of danger."`
	URL             string        `koanf:"url" validate:"required_if=Provider openai,omitempty,url" doc:"Base URL of the OpenAI-compatible endpoint, above /chat/completions. It must understand json_schema answers."`
	APIKey          string        `koanf:"api_key" secret:"true" doc:"API key of that endpoint."`
	Model           string        `koanf:"model" validate:"required_if=Provider openai" doc:"Model name at that endpoint."`
	Timeout         time.Duration `koanf:"timeout" default:"6s" validate:"gt=0,max=8s" doc:"Longest wait for one call; after it the built-in path is taken. A second opinion on emotions gets two seconds at most."`
	MaxOutputTokens int           `koanf:"max_output_tokens" default:"600" validate:"min=64,max=8192" doc:"Most tokens of one answer, thinking included."`
	Concurrency     int           `koanf:"concurrency" default:"8" validate:"min=1,max=1000" doc:"Calls under way at a time, for each use in one process; one more takes the built-in path at once."`
	InputPrice      float64       `koanf:"input_price" default:"0" validate:"min=0" doc:"Price of a million input tokens, in any currency; the cost metric counts in it."`
	OutputPrice     float64       `koanf:"output_price" default:"0" validate:"min=0" doc:"Price of a million output tokens."`
}

// Bridge configures the library of resources and the search for more.
type Bridge struct {
	CheckLinks bool   `koanf:"check_links" default:"true" doc:"Check once a week, over https, whether the pages that the library's resources name are still there. Nothing of a person's is sent. What was found is forgotten when it is switched off."`
	Discovery  string `koanf:"discovery" doc:"YAML file that names MCP servers to ask for resources that the library lacks, when a search wants that (docs/runbooks/discovery.md). It may hold secrets: mode 0600. Empty: nobody is asked, nothing is sent."`
}

// Telemetry configures logs; traces and metrics follow the OTEL_* variables.
type Telemetry struct {
	LogLevel   string        `koanf:"log_level" default:"info" validate:"oneof=debug info warn error" doc:"Least severe level that is logged."`
	LogFormat  string        `koanf:"log_format" default:"json" validate:"oneof=json text" doc:"json for machines, text for eyes."`
	Metrics    string        `koanf:"metrics_listen" validate:"omitempty,hostname_port" doc:"Address where a process without the API serves /metrics; empty for none."`
	Observe    time.Duration `koanf:"observe_every" default:"5s" validate:"min=100ms,max=1m" doc:"How often a process with the API asks the engines whether they answer, how long queues are and how the database's memory serves. What it learns is in the metrics; data services are available as far as these questions were answered."`
	TraceShare float64       `koanf:"trace_share" default:"1" validate:"gt=0,max=1" doc:"Share of the traces that is exported, where OTEL_TRACES_EXPORTER says where to. Those in which something fails or takes long are exported all the same: each process decides on its part."`
	TraceSlow  time.Duration `koanf:"trace_slow" default:"2s" validate:"min=1ms" doc:"What takes long."`
	Profiles   string        `koanf:"profiles_listen" validate:"omitempty,hostname_port" doc:"Address on loopback where the Go runtime's profiles are served (go tool pprof); empty for none."`
}

// Session configures conversations.
type Session struct {
	Lifetime time.Duration `koanf:"lifetime" default:"1h" validate:"min=1m,max=168h" doc:"How long a session accepts interactions after it was created."`
	Region   string        `koanf:"region" validate:"omitempty,iso3166_1_alpha2" doc:"Country (ISO 3166-1 alpha-2, such as NZ) whose help lines the answer to a crisis names when the person's client tells none. Empty: those of several countries."`
}

// Filter configures TruthFilter.
type Filter struct {
	Policy string `koanf:"policy" doc:"File with TruthFilter's policy: thresholds, weights, and how far feedback may move them; activities/truthfilter/policy.yaml shows its form. Empty for the built-in one."`
}

// Limits bounds what one caller may ask for. The first six are requests of one
// person in a minute, all processes together; the contract says which operation
// counts in which.
type Limits struct {
	Synthesis       int           `koanf:"synthesis" default:"60" validate:"min=1,max=1000000" doc:"Messages, and sessions begun or ended, of one person in a minute."`
	Memory          int           `koanf:"memory" default:"50" validate:"min=1,max=1000000" doc:"Requests of one person to their memory and vault in a minute."`
	Bridge          int           `koanf:"bridge" default:"40" validate:"min=1,max=1000000" doc:"Resource searches of one person in a minute."`
	Mirror          int           `koanf:"mirror" default:"30" validate:"min=1,max=1000000" doc:"Emotional analyses of one person in a minute."`
	TruthFilter     int           `koanf:"truthfilter" default:"40" validate:"min=1,max=1000000" doc:"Assessments and feedback of one person in a minute."`
	Reading         int           `koanf:"reading" default:"600" validate:"min=1,max=1000000" doc:"Reads of one person in a minute: status, answers, sessions, streams opened."`
	Account         int           `koanf:"account" default:"30" validate:"min=1,max=1000000" doc:"Administrative acts of one caller in a minute: API keys, approvals, decisions, consents."`
	APIKey          int           `koanf:"api_key" default:"120" validate:"min=1,max=1000000" doc:"Requests with one API key in a minute, besides what its owner may."`
	FailedLogins    int           `koanf:"failed_logins" default:"30" validate:"min=1,max=1000000" doc:"Requests with credentials that are refused, from one network address (IPv6: /64) in a minute; beyond it the address is refused for a while, with valid credentials too."`
	RedisURL        string        `koanf:"redis_url" validate:"omitempty,redis" secret:"true" doc:"Redis or Valkey that keeps the counts (redis, rediss, valkey, valkeys or unix URL; cluster and sentinel too); empty for PostgreSQL."`
	Timeout         time.Duration `koanf:"timeout" default:"1s" validate:"gt=0" doc:"Longest wait for a decision; after it reads go through and writes are answered 503."`
	Streams         int           `koanf:"streams" default:"1000" validate:"min=1" doc:"Event streams that one process keeps open."`
	StreamsOfPerson int           `koanf:"streams_per_person" default:"10" validate:"min=1" doc:"Event streams of one person that one process keeps open."`
}

// Codec configures the codec server of the Temporal UI and CLI.
type Codec struct {
	Listen  string `koanf:"listen" default:"127.0.0.1:8234" validate:"hostname_port" doc:"Address that meai codec listens on."`
	Origins string `koanf:"cors_origins" doc:"Origins of the Temporal UIs whose pages may ask, separated by spaces, such as https://temporal.example.org."`
}

// Escalation says who is told when a person may be in danger.
type Escalation struct {
	L1     EscalationLevel `koanf:"l1"`
	L2     EscalationLevel `koanf:"l2"`
	L3     EscalationLevel `koanf:"l3"`
	Repeat time.Duration   `koanf:"repeat" default:"15m" validate:"min=1s" doc:"How often the last level is told again after its wait."`
	GiveUp time.Duration   `koanf:"give_up" default:"12h" validate:"min=1s,max=168h" doc:"How long after that. The case is then left unanswered, with an error in the log."`
	Link   string          `koanf:"link" validate:"omitempty,url" doc:"What the link in a notification begins with; the id of the case follows. Empty: the case at api.public_url."`
}

// EscalationLevel is people who are told together.
type EscalationLevel struct {
	Notify    string        `koanf:"notify" secret:"true" doc:"Where this level is told, as shoutrrr URLs separated by spaces: generic (webhook), smtp, pagerduty, opsgenie, slack, teams, mattermost, ntfy. A level without any is passed over."`
	Wait      time.Duration `koanf:"wait" default:"5m" validate:"min=1s,max=24h" doc:"How long this level has to acknowledge before the next one is told."`
	Reminders int           `koanf:"reminders" default:"1" validate:"min=0,max=20" doc:"How often it is told again within that time."`
}

// TLS names the certificate of this process, for its listeners and for its
// connections to the engines. Files are read again when they change.
type TLS struct {
	Certificate string `koanf:"certificate" validate:"required_with=Key CA" doc:"PEM file of this process's certificate with its intermediates; it names a SPIFFE id. Listeners speak TLS alone when it is set. Without it, and with SPIFFE_ENDPOINT_SOCKET and a trust domain, the SPIFFE Workload API is asked."`
	Key         string `koanf:"key" validate:"required_with=Certificate" doc:"PEM file of its private key."`
	CA          string `koanf:"ca" doc:"PEM file of the authorities that sign the certificates of this trust domain and of the engines; callers' certificates are then asked for and verified. Without it engines are verified against the system's authorities."`
	TrustDomain string `koanf:"trust_domain" validate:"required_with=Certificate" doc:"SPIFFE trust domain, such as example.org; certificates of another one are refused."`
}

// Public is the address of the API as its callers see it.
func (a API) Public() string {
	if a.PublicURL != "" {
		return a.PublicURL
	}
	return "http://" + a.Listen
}

// UseTLS reports whether the Temporal connection is encrypted.
func (t Temporal) UseTLS() bool { return t.TLS || t.APIKey != "" }

// WorkflowLink is the Temporal UI's page of a workflow, or "" without a UI.
func (t Temporal) WorkflowLink(id string) string {
	if t.UIURL == "" {
		return ""
	}
	return t.UIURL + "/namespaces/" + url.PathEscape(t.Namespace) + "/workflows/" + url.PathEscape(id)
}
