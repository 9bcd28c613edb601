package workflows

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/workflow"

	"meai/activities/mirror"
	"meai/activities/synthesis"
	"meai/internal/failure"
)

func TestEveryActivityIsBounded(t *testing.T) {
	for name, o := range map[string]workflow.ActivityOptions{
		analyze.name: analyze.options, analyze.name + ", shortly": analyze.shortly().options,
		recall.name: recall.options, search.name: search.options, compose.name: compose.options,
		review.name: review.options, deliver.name: deliver.options,
		remember.name: remember.options, indexVectors.name: indexVectors.options,
		listSubjects.name: listSubjects.options, consolidate.name: consolidate.options,
		repairIndex.name: repairIndex.options, sweepTenants.name: sweepTenants.options,
		extendPartitions.name: extendPartitions.options,
		indexLibrary.name:     indexLibrary.options, planReview.name: planReview.options,
		checkLinks.name: checkLinks.options, concludeReview.name: concludeReview.options,
		assess.name:        assess.options,
		proposePolicy.name: proposePolicy.options, evaluatePolicy.name: evaluatePolicy.options, adoptPolicy.name: adoptPolicy.options,
		listKeys.name: listKeys.options, publishKeys.name: publishKeys.options, promoteKeys.name: promoteKeys.options,
		resealRows.name: resealRows.options, retireKeys.name: retireKeys.options, rewrapKeys.name: rewrapKeys.options,
		endEpochs.name: endEpochs.options, lookErasure.name: lookErasure.options, freezePerson.name: freezePerson.options,
		takeInventory.name: takeInventory.options, endWorkflows.name: endWorkflows.options, passPoint.name: passPoint.options,
		thawPerson.name: thawPerson.options, endCancelled.name: endCancelled.options, buryKeys.name: buryKeys.options, clearKeys.name: clearKeys.options,
		planDeletion.name: planDeletion.options, deleteStores.name: deleteStores.options, removePerson.name: removePerson.options,
		cleanUp.name: cleanUp.options, scanResidue.name: scanResidue.options, certify.name: certify.options,
		sweepErased.name: sweepErased.options, settleErasures.name: settleErasures.options,
		takeBackup.name: takeBackup.options, markBackup.name: markBackup.options, checkArchive.name: checkArchive.options,
		recheckBackups.name: recheckBackups.options, keepBackups.name: keepBackups.options, syncBackups.name: syncBackups.options,
		holdBackup.name: holdBackup.options, releaseBackup.name: releaseBackup.options, verifyBackup.name: verifyBackup.options,
		proveBackup.name: proveBackup.options, planRestore.name: planRestore.options, restoreStep.name: restoreStep.options,
		listChanged.name: listChanged.options, archivePeople.name: archivePeople.options, expireArchives.name: expireArchives.options,
		prepareRetention.name: prepareRetention.options, dropPartitions.name: dropPartitions.options, applyToPeople.name: applyToPeople.options,
		planExpiry.name: planExpiry.options, applyToRest.name: applyToRest.options, concludeRetention.name: concludeRetention.options,
		openSamples.name: openSamples.options, checkColumns.name: checkColumns.options, checkPlaces.name: checkPlaces.options, concludeVerification.name: concludeVerification.options,
		listCopied.name: listCopied.options, copyObjects.name: copyObjects.options, reconcileCopies.name: reconcileCopies.options, expireCopies.name: expireCopies.options,
		writeExport.name: writeExport.options, failExport.name: failExport.options, expireExport.name: expireExport.options,
		awaitImport.name: awaitImport.options, fillImport.name: fillImport.options, concludeImport.name: concludeImport.options, dropImport.name: dropImport.options,
		beginFailover.name: beginFailover.options, failoverStep.name: failoverStep.options, rollBackFailover.name: rollBackFailover.options,
	} {
		require.NotEmpty(t, o.TaskQueue, name)
		require.Positive(t, o.StartToCloseTimeout, name)
		require.Greater(t, o.ScheduleToCloseTimeout, o.StartToCloseTimeout, name)
		require.NotNil(t, o.RetryPolicy, name)
		require.Positive(t, o.RetryPolicy.MaximumInterval, name)
		require.Subset(t, o.RetryPolicy.NonRetryableErrorTypes, failure.Permanent, name)
	}
	for name, o := range map[string]workflow.ActivityOptions{
		analyze.name: analyze.options, recall.name: recall.options, search.name: search.options, review.name: review.options, assess.name: assess.options,
	} {
		require.Positive(t, o.ScheduleToStartTimeout, "%s: a person does not wait for a queue that nobody serves", name)
	}
}

// TestPausesBetweenAttemptsGrow in every block that an activity can have: each is at least half as long again as the one
// before, up to a bound that leaves room to grow.
func TestPausesBetweenAttemptsGrow(t *testing.T) {
	for name, o := range map[string]workflow.ActivityOptions{
		"brisk": brisk, "careful": careful, "tenacious": tenacious, "steadfast": steadfast, "belated": belated, "patient": patient, "lengthy": lengthy,
		"thorough": thorough, "nightly": nightly, "relentless": relentless, "sweeping": sweeping, "weighty": weighty, "bulky": bulky,
		"calling": calling, "resolute": resolute,
	} {
		require.GreaterOrEqual(t, o.RetryPolicy.BackoffCoefficient, 1.5, name)
		require.Positive(t, o.RetryPolicy.InitialInterval, name)
		require.GreaterOrEqual(t, o.RetryPolicy.MaximumInterval, 2*o.RetryPolicy.InitialInterval, name)
		require.NotEqual(t, int32(1), o.RetryPolicy.MaximumAttempts, "%s: there is another attempt", name)
	}
}

// TestAModelThatIsSlowLeavesTimeToDoWithout: its call ends before the step's
// attempt does, with a second to spare.
func TestAModelThatIsSlowLeavesTimeToDoWithout(t *testing.T) {
	require.LessOrEqual(t, synthesis.WriterBudget+time.Second, compose.options.StartToCloseTimeout)
	require.LessOrEqual(t, mirror.OpinionBudget+time.Second, analyze.options.StartToCloseTimeout)
}
