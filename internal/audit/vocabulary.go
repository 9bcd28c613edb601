package audit

import "slices"

// Act is what was done. Add new ones here and nowhere else.
type Act string

// The acts that are recorded.
const (
	SignedIn       Act = "identity.signed_in"
	SignInRefused  Act = "identity.sign_in_refused"
	AccessDenied   Act = "access.denied"
	PayloadDecoded Act = "payload.decoded"
	PayloadEncoded Act = "payload.encoded"

	APIKeyCreated Act = "api_key.created"
	APIKeyRevoked Act = "api_key.revoked"

	ElevationGranted Act = "elevation.granted"
	ElevationEnded   Act = "elevation.ended"

	ApprovalRequested Act = "approval.requested"
	ApprovalGiven     Act = "approval.given"
	ApprovalRefused   Act = "approval.refused"
	ApprovalExpired   Act = "approval.expired"
	ApprovalUsed      Act = "approval.used"

	KeyRotated   Act = "key.rotated"
	KeyRewrapped Act = "key.rewrapped"
	KeyRetired   Act = "key.retired"
	KeyDestroyed Act = "key.destroyed"

	ErasureRequested  Act = "erasure.requested"
	ErasureCancelled  Act = "erasure.cancelled"
	ErasureCompleted  Act = "erasure.completed"
	HoldPlaced        Act = "hold.placed"
	HoldReleased      Act = "hold.released"
	ConsentGiven      Act = "consent.given"
	ConsentRefused    Act = "consent.refused"
	ConsentWithdrawn  Act = "consent.withdrawn"
	RestrictionPlaced Act = "restriction.placed"
	RestrictionLifted Act = "restriction.lifted"

	RequestReceived  Act = "privacy_request.received"
	RequestConfirmed Act = "privacy_request.confirmed"
	RequestExtended  Act = "privacy_request.extended"
	RequestEnded     Act = "privacy_request.ended"
	RequestWarned    Act = "privacy_request.warned"
	RegisterRead     Act = "privacy_register.read"
	PersonViewed     Act = "person.viewed"

	BackupTaken   Act = "backup.taken"
	BackupOpened  Act = "backup.opened"
	BackupDeleted Act = "backup.deleted"
	Restored      Act = "backup.restored"
	EpochBegun    Act = "epoch.begun"
	FailedOver    Act = "failover.done"

	FailoverRequested Act = "failover.requested"
	FailoverApproved  Act = "failover.approved"
	FailoverCancelled Act = "failover.cancelled"

	ExportRequested Act = "export.requested"
	ExportFetched   Act = "export.fetched"
	ExportDeleted   Act = "export.deleted"
	ExportImported  Act = "export.imported"

	AuditRead      Act = "audit.read"
	SettingChanged Act = "setting.changed"
	LedgerReplayed Act = "ledger.replayed"

	EscalationRaised       Act = "escalation.raised"
	EscalationNotified     Act = "escalation.notified"
	EscalationRead         Act = "escalation.read"
	EscalationAcknowledged Act = "escalation.acknowledged"
	EscalationUnanswered   Act = "escalation.unanswered"
	EscalationHandled      Act = "escalation.handled"

	FilterPolicyAdopted   Act = "filter_policy.adopted"
	FilterPolicyWithdrawn Act = "filter_policy.withdrawn"

	VaultStored   Act = "vault.stored"
	VaultListed   Act = "vault.listed"
	VaultRead     Act = "vault.read"
	VaultRecalled Act = "vault.recalled"
	VaultDeleted  Act = "vault.deleted"
	VaultOpened   Act = "vault.opened"
	VaultClosed   Act = "vault.closed"

	RetentionRun       Act = "retention.run"
	EncryptionVerified Act = "encryption.verified"
)

var acts = []Act{
	SignedIn, SignInRefused, AccessDenied, PayloadDecoded, PayloadEncoded, APIKeyCreated, APIKeyRevoked,
	ElevationGranted, ElevationEnded,
	ApprovalRequested, ApprovalGiven, ApprovalRefused, ApprovalExpired, ApprovalUsed,
	KeyRotated, KeyRewrapped, KeyRetired, KeyDestroyed,
	ErasureRequested, ErasureCancelled, ErasureCompleted, HoldPlaced, HoldReleased,
	RequestReceived, RequestConfirmed, RequestExtended, RequestEnded, RequestWarned, RegisterRead, PersonViewed,
	ConsentGiven, ConsentRefused, ConsentWithdrawn, RestrictionPlaced, RestrictionLifted,
	BackupTaken, BackupOpened, BackupDeleted, Restored, EpochBegun, FailedOver,
	FailoverRequested, FailoverApproved, FailoverCancelled,
	ExportRequested, ExportFetched, ExportDeleted, ExportImported,
	AuditRead, SettingChanged, LedgerReplayed,
	EscalationRaised, EscalationNotified, EscalationRead, EscalationAcknowledged, EscalationUnanswered, EscalationHandled,
	FilterPolicyAdopted, FilterPolicyWithdrawn,
	VaultStored, VaultListed, VaultRead, VaultRecalled, VaultDeleted, VaultOpened, VaultClosed,
	RetentionRun, EncryptionVerified,
}

// Kind is what an act was done to.
type Kind string

// The kinds of objects. None is for acts without one.
const (
	None        Kind = ""
	Subject     Kind = "subject"
	Session     Kind = "session"
	Interaction Kind = "interaction"
	Workflow    Kind = "workflow"
	APIKey      Kind = "api_key"
	Role        Kind = "role"
	Approval    Kind = "approval"
	Backup      Kind = "backup"
	Route       Kind = "route"
	Address     Kind = "address"
	Setting     Kind = "setting"
	TheLog      Kind = "audit_log"
	LedgerEntry Kind = "ledger_entry"
	Escalation  Kind = "escalation"
	Memory      Kind = "memory"
	// PrivacyRequest is an entry of the register, and Hold a legal hold.
	PrivacyRequest Kind = "privacy_request"
	Hold           Kind = "hold"
	Erasure        Kind = "erasure"
	ExportFile     Kind = "export"
)

var kinds = []Kind{
	None, Subject, Session, Interaction, Workflow, APIKey, Role, Approval, Backup, Route, Setting, TheLog, LedgerEntry, Address, Escalation, Memory,
	PrivacyRequest, Hold, Erasure, ExportFile,
}

// Outcome is how an act ended.
type Outcome string

// The outcomes.
const (
	Succeeded Outcome = "succeeded"
	Denied    Outcome = "denied"
	Failed    Outcome = "failed"
)

var outcomes = []Outcome{Succeeded, Denied, Failed}

// Acts lists all acts.
func Acts() []Act { return slices.Clone(acts) }

// Kinds lists the kinds of objects, [None] left out.
func Kinds() []Kind {
	return slices.DeleteFunc(slices.Clone(kinds), func(k Kind) bool { return k == None })
}
