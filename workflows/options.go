package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"meai/internal/failure"
)

// The task queues, the bulkheads of the system; temporal.yaml tunes them.
const (
	QueueSynthesis   = "synthesis"
	QueueMirror      = "mirror"
	QueueTruthFilter = "truthfilter"
	QueueMemory      = "memory"
	QueueBatch       = "batch"
	QueuePrivacy     = "privacy"
	QueueOperations  = "operations"
	// QueueProving is served where scratch servers are started and the prover's key is,
	// and by nothing else.
	QueueProving = "proving"
)

// Every activity runs under one of these blocks. All are bounded, and none
// retries what no retry can mend.
var (
	// brisk: a person waits, and the answer can do without. A queue that nobody
	// serves is given up on after the schedule-to-start timeout.
	brisk = workflow.ActivityOptions{
		ScheduleToStartTimeout: 4 * time.Second,
		StartToCloseTimeout:    4 * time.Second,
		ScheduleToCloseTimeout: 9 * time.Second,
		RetryPolicy:            retry(100*time.Millisecond, time.Second, 3),
	}
	// careful: a person waits, but without it only pre-reviewed text may be sent,
	// so it gets somewhat longer.
	careful = workflow.ActivityOptions{
		ScheduleToStartTimeout: 8 * time.Second,
		StartToCloseTimeout:    5 * time.Second,
		ScheduleToCloseTimeout: 15 * time.Second,
		RetryPolicy:            retry(100*time.Millisecond, time.Second, 3),
	}
	// tenacious: a person waits, and without it there is only pre-reviewed text. A
	// late answer is better than a general one, but not by more than minutes.
	tenacious = workflow.ActivityOptions{
		StartToCloseTimeout:    10 * time.Second,
		ScheduleToCloseTimeout: 5 * time.Minute,
		RetryPolicy:            retry(100*time.Millisecond, 5*time.Second, 0),
	}
	// steadfast: a person waits and there is no answer without it. It outlives an
	// outage of a week.
	steadfast = workflow.ActivityOptions{
		StartToCloseTimeout:    10 * time.Second,
		ScheduleToCloseTimeout: week,
		RetryPolicy:            retry(100*time.Millisecond, 10*time.Second, 0),
	}
	// belated: the person waits no more, but what comes after it does.
	belated = workflow.ActivityOptions{
		StartToCloseTimeout:    30 * time.Second,
		ScheduleToCloseTimeout: time.Minute,
		RetryPolicy:            retry(500*time.Millisecond, 10*time.Second, 0),
	}
	// patient: nobody waits, and it must happen. It outlives an outage of a week.
	patient = workflow.ActivityOptions{
		StartToCloseTimeout:    30 * time.Second,
		ScheduleToCloseTimeout: week,
		RetryPolicy:            retry(500*time.Millisecond, time.Minute, 0),
	}
	// lengthy: nobody waits, it must happen, and it shows signs of life.
	lengthy = workflow.ActivityOptions{
		StartToCloseTimeout:    5 * time.Minute,
		ScheduleToCloseTimeout: week,
		HeartbeatTimeout:       30 * time.Second,
		RetryPolicy:            retry(500*time.Millisecond, time.Minute, 0),
	}
	// thorough: nobody waits, it must happen, and one transaction over much takes a while.
	thorough = workflow.ActivityOptions{
		StartToCloseTimeout:    15 * time.Minute,
		ScheduleToCloseTimeout: week,
		RetryPolicy:            retry(500*time.Millisecond, 10*time.Second, 0),
	}
	// nightly: a slice of a long job; the next night comes anyway.
	nightly = workflow.ActivityOptions{
		StartToCloseTimeout:    5 * time.Minute,
		ScheduleToCloseTimeout: 30 * time.Minute,
		HeartbeatTimeout:       time.Minute,
		RetryPolicy:            retry(time.Second, time.Minute, 5),
	}
)

// relentless: it must happen, however long a store is away, and a step over many
// people takes a while. It shows signs of life.
var relentless = workflow.ActivityOptions{
	StartToCloseTimeout:    time.Hour,
	ScheduleToCloseTimeout: 52 * week,
	HeartbeatTimeout:       2 * time.Minute,
	RetryPolicy:            retry(time.Second, time.Minute, 0),
}

// sweeping: it looks at everybody, which takes what it takes, and shows signs of life; the
// next night comes anyway.
var sweeping = workflow.ActivityOptions{
	StartToCloseTimeout:    6 * time.Hour,
	ScheduleToCloseTimeout: 8 * time.Hour,
	HeartbeatTimeout:       5 * time.Minute,
	RetryPolicy:            retry(time.Second, time.Minute, 5),
}

// weighty: it moves as much as there is, shows signs of life, and goes on with what an
// earlier attempt has finished. What is damaged is not tried again.
var weighty = workflow.ActivityOptions{
	StartToCloseTimeout:    24 * time.Hour,
	ScheduleToCloseTimeout: 3 * 24 * time.Hour,
	HeartbeatTimeout:       2 * time.Minute,
	WaitForCancellation:    true, // cancelling cleans up
	RetryPolicy:            retry(time.Second, 5*time.Minute, 10),
}

// bulky: a person waits, without standing by, for all of theirs to be moved. It shows signs
// of life often, so that another worker soon takes over from one that died.
var bulky = workflow.ActivityOptions{
	StartToCloseTimeout:    12 * time.Hour,
	ScheduleToCloseTimeout: week,
	HeartbeatTimeout:       30 * time.Second,
	WaitForCancellation:    true, // cancelling cleans up
	RetryPolicy:            retry(time.Second, 5*time.Minute, 0),
}

// calling: somebody is to be told, and is told again in the next round anyway. The
// round sets how long it is tried.
var calling = workflow.ActivityOptions{
	StartToCloseTimeout:    30 * time.Second,
	ScheduleToCloseTimeout: week,
	RetryPolicy:            retry(time.Second, 30*time.Second, 0),
}

// resolute: nothing serves until it is through. It is tried again at once, shows signs of
// life often, and outlives whatever it waits for.
var resolute = workflow.ActivityOptions{
	StartToCloseTimeout:    2 * time.Minute,
	ScheduleToCloseTimeout: 52 * week,
	HeartbeatTimeout:       10 * time.Second,
	WaitForCancellation:    true, // what it holds in the journal is let go
	RetryPolicy:            retry(200*time.Millisecond, 2*time.Second, 0),
}

const week = 7 * 24 * time.Hour

// retry backs off from first to longest; attempts 0 leaves the bound to the
// schedule-to-close timeout.
func retry(first, longest time.Duration, attempts int32) *temporal.RetryPolicy {
	return &temporal.RetryPolicy{
		InitialInterval: first, BackoffCoefficient: 2, MaximumInterval: longest,
		MaximumAttempts: attempts, NonRetryableErrorTypes: failure.Permanent,
	}
}
