package workflows

import (
	"go.temporal.io/sdk/workflow"

	"meai/activities/approval"
	"meai/activities/backup"
	"meai/activities/backup/copies"
	"meai/activities/backup/drill"
	"meai/activities/backup/people"
	"meai/activities/backup/restore"
	"meai/activities/bridge"
	"meai/activities/escalation"
	"meai/activities/failover"
	"meai/activities/keys"
	"meai/activities/memory"
	"meai/activities/mirror"
	"meai/activities/privacy/erasure"
	"meai/activities/privacy/export"
	"meai/activities/privacy/requests"
	"meai/activities/privacy/retention"
	"meai/activities/synthesis"
	"meai/activities/truthfilter"
	"meai/activities/truthfilter/feedback"
	"meai/activities/upkeep"
)

// A call is a capability's step as workflows call it: typed, and with its
// queue, timeouts and retry policy decided in one place.
type call[In, Out any] struct {
	// name is the prefix that the worker registers the capability under, a dot,
	// and the method.
	name    string
	options workflow.ActivityOptions
}

// A future is an activity under way.
type future[Out any] struct{ workflow.Future }

func (a call[In, Out]) start(ctx workflow.Context, in In) future[Out] {
	return future[Out]{workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, a.options), a.name, in)}
}

func (a call[In, Out]) run(ctx workflow.Context, in In) (Out, error) {
	return a.start(ctx, in).result(ctx)
}

// at is the same activity on another queue.
func (a call[In, Out]) at(queue string) call[In, Out] {
	a.options.TaskQueue = queue
	return a
}

// here runs the activity inside the worker that runs the workflow, which must serve it.
// Temporal keeps its outcome with the workflow's, in one write instead of four: for
// workflows that are this one step, and are asked again when they are lost.
func (a call[In, Out]) here(ctx workflow.Context, in In) (Out, error) {
	ctx = workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{
		StartToCloseTimeout: a.options.StartToCloseTimeout, ScheduleToCloseTimeout: a.options.ScheduleToCloseTimeout,
		RetryPolicy: a.options.RetryPolicy,
	})
	return future[Out]{workflow.ExecuteLocalActivity(ctx, a.name, in)}.result(ctx)
}

// shortly is the same activity for when nobody waits for its answer any more, but
// the next step does.
func (a call[In, Out]) shortly() call[In, Out] { return a.under(belated) }

// patiently is the same activity for when nothing waits for it.
func (a call[In, Out]) patiently() call[In, Out] { return a.under(patient) }

func (a call[In, Out]) under(options workflow.ActivityOptions) call[In, Out] {
	options.TaskQueue = a.options.TaskQueue
	return call[In, Out]{a.name, options}
}

func (f future[Out]) result(ctx workflow.Context) (Out, error) {
	var out Out
	err := f.Get(ctx, &out)
	return out, err
}

var (
	analyze = call[mirror.AnalyzeInput, mirror.Analysis]{"mirror.Analyze", on(QueueMirror, brisk)}
	reflect = call[mirror.ReflectInput, mirror.Reflection]{"mirror.Reflect", on(QueueMirror, brisk)}
	recall  = call[memory.RecallInput, memory.Recollection]{"memory.Recall", on(QueueMemory, brisk)}
	search  = call[bridge.SearchInput, bridge.SearchResult]{"bridge.Search", on(QueueTruthFilter, brisk)}
	compose = call[synthesis.ComposeInput, synthesis.Answer]{"synthesis.Compose", on(QueueSynthesis, tenacious)}
	review  = call[truthfilter.ReviewInput, truthfilter.Judgement]{"truthfilter.Review", on(QueueTruthFilter, careful)}
	assess  = call[truthfilter.AssessInput, truthfilter.Judgement]{"truthfilter.Assess", on(QueueTruthFilter, brisk)}
	deliver = call[synthesis.DeliverInput, synthesis.Delivered]{"synthesis.Deliver", on(QueueSynthesis, steadfast)}

	remember     = call[memory.RememberInput, memory.Remembered]{"memory.Remember", on(QueueMemory, patient)}
	indexVectors = call[memory.IndexInput, memory.Indexed]{"memory.IndexVectors", on(QueueMemory, patient)}
	putAside     = call[memory.GiveUpInput, struct{}]{"memory.GiveUp", on(QueueMemory, patient)}
	importPage   = call[memory.ImportInput, memory.ImportedPage]{"memory.ImportPage", on(QueueBatch, lengthy)}

	forget         = call[memory.ForgettingRef, struct{}]{"memory.Forget", on(QueueMemory, thorough)}
	forgetCopies   = call[memory.ForgettingRef, struct{}]{"memory.ForgetCopies", on(QueueMemory, lengthy)}
	proveForgotten = call[memory.ForgettingRef, memory.Receipt]{"memory.ProveForgotten", on(QueueMemory, thorough)} // Temporal deletes histories a moment later

	listSubjects = call[memory.ListSubjectsInput, memory.SubjectPage]{"memory.ListSubjects", on(QueueBatch, nightly)}
	consolidate  = call[memory.ConsolidateInput, memory.Consolidated]{"memory.Consolidate", on(QueueBatch, nightly)}
	repairIndex  = call[memory.RepairInput, memory.Repaired]{"memory.Repair", on(QueueBatch, nightly)}
	sweepTenants = call[struct{}, memory.SweptTenants]{"memory.SweepTenants", on(QueueBatch, nightly)}

	proposePolicy  = call[struct{}, feedback.Proposal]{"feedback.ProposePolicy", on(QueueBatch, nightly)}
	evaluatePolicy = call[feedback.Proposal, feedback.Evaluation]{"feedback.EvaluatePolicy", on(QueueBatch, nightly)}
	adoptPolicy    = call[feedback.AdoptInput, feedback.Outcome]{"feedback.AdoptPolicy", on(QueueBatch, nightly)}

	loadApproval     = call[approval.Ref, approval.Request]{"approval.Load", on(QueueOperations, steadfast)}
	recordDecision   = call[approval.Decision, approval.Tally]{"approval.Record", on(QueueOperations, steadfast)}
	useApproval      = call[approval.UseInput, approval.Request]{"approval.Use", on(QueueOperations, patient)}
	concludeApproval = call[approval.Ref, approval.Outcome]{"approval.Conclude", on(QueueOperations, steadfast)}

	startEscalation = call[escalation.Ref, struct{}]{"escalation.Start", on(QueueOperations, patient)}
	sweepCases      = call[struct{}, escalation.Swept]{"escalation.Sweep", on(QueueOperations, belated)}
	loadCase        = call[escalation.Ref, escalation.Plan]{"escalation.Load", on(QueueOperations, patient)}
	notifyOnCall    = call[escalation.NotifyInput, struct{}]{"escalation.Notify", on(QueueOperations, calling)}
	leaveCase       = call[escalation.Ref, struct{}]{"escalation.Leave", on(QueueOperations, patient)}

	extendPartitions = call[struct{}, upkeep.Partitioned]{"upkeep.ExtendPartitions", on(QueueBatch, patient)}

	indexLibrary   = call[struct{}, struct{}]{"library.Index", on(QueueBatch, nightly)}
	planReview     = call[struct{}, bridge.ReviewPlan]{"library.Plan", on(QueueBatch, nightly)}
	checkLinks     = call[bridge.CheckLinksInput, bridge.LinksChecked]{"library.CheckLinks", on(QueueBatch, nightly)}
	concludeReview = call[bridge.ReviewPlan, bridge.ReviewFound]{"library.Conclude", on(QueueBatch, nightly)}

	listKeys    = call[keys.PageInput, keys.Page]{"keys.ListKeys", on(QueuePrivacy, relentless)}
	publishKeys = call[keys.SubjectsInput, keys.Waiting]{"keys.Publish", on(QueuePrivacy, relentless)}
	promoteKeys = call[keys.SubjectsInput, keys.Counts]{"keys.Promote", on(QueuePrivacy, relentless)}
	resealRows  = call[keys.SubjectsInput, keys.Counts]{"keys.Reseal", on(QueuePrivacy, relentless)}
	retireKeys  = call[keys.SubjectsInput, keys.Counts]{"keys.Retire", on(QueuePrivacy, relentless)}
	rewrapKeys  = call[keys.SubjectsInput, keys.Counts]{"keys.Rewrap", on(QueuePrivacy, relentless)}
	endEpochs   = call[struct{}, keys.Census]{"keys.EndEpochs", on(QueuePrivacy, relentless)}
	recordRun   = call[keys.RunInput, struct{}]{"keys.RecordRun", on(QueuePrivacy, relentless)}
)

var (
	writeExport    = call[export.WriteInput, export.Written]{"export.Write", on(QueuePrivacy, bulky)}
	failExport     = call[export.FailInput, struct{}]{"export.Fail", on(QueuePrivacy, patient)}
	expireExport   = call[export.Ref, export.Waiting]{"export.Expire", on(QueuePrivacy, patient)}
	awaitImport    = call[export.Ref, export.Waiting]{"export.Await", on(QueuePrivacy, patient)}
	fillImport     = call[export.Ref, export.Imported]{"export.Fill", on(QueuePrivacy, bulky)}
	concludeImport = call[export.Ref, export.Imported]{"export.Conclude", on(QueuePrivacy, patient)}
	dropImport     = call[export.FailInput, struct{}]{"export.Drop", on(QueuePrivacy, patient)}
)

var (
	takeBackup     = call[backup.TakeInput, backup.Taken]{"backup.Take", on(QueueBatch, weighty)}
	markBackup     = call[struct{}, backup.Marked]{"backup.Mark", on(QueueBatch, weighty)}
	checkArchive   = call[backup.ArchiveInput, backup.ArchiveState]{"backup.CheckArchive", on(QueueBatch, weighty)}
	recheckBackups = call[struct{}, backup.Rechecked]{"backup.Recheck", on(QueueBatch, weighty)}
	keepBackups    = call[struct{}, backup.Kept]{"backup.Keep", on(QueueBatch, weighty)}
	syncBackups    = call[struct{}, struct{}]{"backup.Sync", on(QueueBatch, nightly)}
	holdBackup     = call[backup.Ref, struct{}]{"backup.Hold", on(QueueBatch, nightly)}
	releaseBackup  = call[backup.Ref, struct{}]{"backup.Release", on(QueueBatch, nightly)}

	listChanged    = call[people.PageInput, people.Page]{"people.ListChanged", on(QueueBatch, nightly)}
	archivePeople  = call[people.Input, people.Counts]{"people.Archive", on(QueueBatch, weighty)}
	expireArchives = call[people.ExpireInput, people.Expired]{"people.Expire", on(QueueBatch, weighty)}

	listCopied      = call[struct{}, []string]{"copies.List", on(QueueBatch, nightly)}
	copyObjects     = call[copies.Input, copies.Copied]{"copies.Copy", on(QueueBatch, weighty)}
	reconcileCopies = call[copies.Input, copies.Report]{"copies.Reconcile", on(QueueBatch, weighty)}
	expireCopies    = call[copies.Input, copies.Expired]{"copies.Expire", on(QueueBatch, weighty)}

	verifyBackup = call[backup.ProveInput, backup.Outcome]{"prover.Verify", on(QueueProving, weighty)}
	proveBackup  = call[backup.ProveInput, backup.Outcome]{"prover.Prove", on(QueueProving, weighty)}
	drillBackups = call[drill.Input, drill.Outcome]{"prover.Drill", on(QueueProving, weighty)}
	planRestore  = call[restore.Target, restore.Plan]{"restorer.Plan", on(QueueProving, weighty)}
	restoreStep  = call[backup.RestoreInput, restore.Done]{"restorer.Step", on(QueueProving, weighty)}
)

var (
	lookErasure    = call[erasure.Ref, erasure.Standing]{"erasure.Look", on(QueuePrivacy, relentless)}
	freezePerson   = call[erasure.Ref, erasure.Standing]{"erasure.Freeze", on(QueuePrivacy, relentless)}
	takeInventory  = call[erasure.Ref, erasure.Inventory]{"erasure.Count", on(QueuePrivacy, relentless)}
	endWorkflows   = call[erasure.Ref, erasure.Ended]{"erasure.EndWorkflows", on(QueuePrivacy, relentless)}
	passPoint      = call[erasure.Ref, erasure.Standing]{"erasure.PassPoint", on(QueuePrivacy, relentless)}
	thawPerson     = call[erasure.Ref, erasure.Standing]{"erasure.Thaw", on(QueuePrivacy, relentless)}
	endCancelled   = call[erasure.Ref, struct{}]{"erasure.EndCancelled", on(QueuePrivacy, relentless)}
	buryKeys       = call[erasure.Ref, erasure.Standing]{"erasure.Bury", on(QueuePrivacy, relentless)}
	clearKeys      = call[erasure.Ref, struct{}]{"erasure.Clear", on(QueuePrivacy, relentless)}
	planDeletion   = call[erasure.Ref, erasure.Inventory]{"erasure.Plan", on(QueuePrivacy, relentless)}
	deleteStores   = call[erasure.StoresInput, erasure.Deleted]{"erasure.DeleteStores", on(QueuePrivacy, relentless)}
	removePerson   = call[erasure.Ref, erasure.Left]{"erasure.Remove", on(QueuePrivacy, relentless)}
	cleanUp        = call[erasure.Ref, erasure.Standing]{"erasure.CleanUp", on(QueuePrivacy, relentless)}
	scanResidue    = call[erasure.Ref, erasure.Left]{"erasure.Scan", on(QueuePrivacy, relentless)}
	certify        = call[erasure.Ref, erasure.Standing]{"erasure.Certify", on(QueuePrivacy, relentless)}
	sweepErased    = call[struct{}, erasure.Swept]{"erasure.Sweep", on(QueuePrivacy, sweeping)}
	settleErasures = call[struct{}, erasure.Settled]{"erasure.Settle", on(QueuePrivacy, nightly)}
)

var (
	prepareRetention  = call[retention.Run, struct{}]{"retention.Prepare", on(QueueBatch, nightly)}
	dropPartitions    = call[retention.Run, retention.Partitions]{"retention.DropPartitions", on(QueueBatch, nightly)}
	applyToPeople     = call[retention.PeopleInput, retention.PeopleDone]{"retention.ApplyToPeople", on(QueueBatch, nightly)}
	planExpiry        = call[retention.ExpiryInput, memory.ForgettingRef]{"retention.PlanExpiry", on(QueueBatch, patient)}
	applyToRest       = call[retention.Run, retention.Counts]{"retention.ApplyToRest", on(QueueBatch, nightly)}
	concludeRetention = call[retention.Conclusion, struct{}]{"retention.Conclude", on(QueueBatch, patient)}

	openSamples          = call[retention.LookInput, retention.Look]{"encryption.OpenSamples", on(QueueBatch, nightly)}
	checkColumns         = call[retention.LookInput, retention.Look]{"encryption.CheckColumns", on(QueueBatch, nightly)}
	checkPlaces          = call[retention.LookInput, retention.Look]{"encryption.CheckPlaces", on(QueueBatch, nightly)}
	concludeVerification = call[retention.Finish, retention.Soundness]{"encryption.Conclude", on(QueueBatch, patient)}
)

func on(queue string, options workflow.ActivityOptions) workflow.ActivityOptions {
	options.TaskQueue = queue
	return options
}

var (
	carryHold      = call[requests.HoldInput, requests.HoldRef]{"requests.CarryHold", on(QueueOperations, patient)}
	settleHolds    = call[struct{}, requests.Settled]{"requests.SettleHolds", on(QueueOperations, patient)}
	watchDeadlines = call[struct{}, requests.Watched]{"requests.WatchDeadlines", on(QueueOperations, belated)}
	warnOfDeadline = call[requests.Warning, struct{}]{"requests.Warn", on(QueueOperations, calling)}
)

// Of the control plane, whose worker serves nothing else; see cmd/meai/region_worker.go.
var (
	beginFailover    = call[failover.Input, failover.Plan]{"failover.Begin", on(QueueOperations, resolute)}
	failoverStep     = call[failover.StepInput, failover.Done]{"failover.Step", on(QueueOperations, resolute)}
	rollBackFailover = call[failover.Ref, failover.RolledOrNot]{"failover.RollBack", on(QueueOperations, resolute)}
)
