package drill

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"go.temporal.io/sdk/activity"

	"meai/activities/backup"
)

// Input starts drills; there is nothing to choose.
type Input struct{}

// Outcome counts drills.
type Outcome struct {
	Drills   int `json:"drills"`
	Detected int `json:"detected"`
	// Undetected are names, each with what was said instead.
	Undetected []string `json:"undetected,omitempty"`
	Seconds    float64  `json:"seconds"`
}

// Activities do drills where backups are proven, in a folder that is made and removed.
type Activities struct {
	// Scratch is where scratch servers live.
	Scratch string
	// Weaviate and Upload are those of [Options].
	Weaviate string
	Upload   []string
	Logger   *slog.Logger
}

// Drill does all drills.
func (a *Activities) Drill(ctx context.Context, _ Input) (outcome Outcome, err error) {
	if a.Scratch == "" {
		return Outcome{}, errors.New("backups are not configured in this process (backup.bucket)")
	}
	dir, err := Folder(a.Scratch)
	if err != nil {
		return Outcome{}, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	begun, shown := time.Now(), newPulse(ctx)
	defer shown.end()
	results, err := Run(ctx, Options{Dir: dir, Weaviate: a.Weaviate, Upload: a.Upload, Logger: a.Logger}, shown.did)
	if err != nil {
		return Outcome{}, err
	}
	outcome = Outcome{Drills: len(results), Seconds: time.Since(begun).Seconds()}
	for _, r := range results {
		if r.Detected {
			outcome.Detected++
		} else {
			outcome.Undetected = append(outcome.Undetected, r.Name+" ("+r.By+")")
		}
	}
	return outcome, nil
}

// left is the age at which the folder of a drill is one that a crash left.
const left = 24 * time.Hour

// Folder makes a new folder for [Options] below that of scratch servers, and removes
// those that crashes left there.
func Folder(scratch string) (string, error) {
	if err := os.MkdirAll(scratch, 0o711); err != nil {
		return "", fmt.Errorf("make the folder of scratch servers: %w", err)
	}
	const prefix = "meai-drill-"
	earlier, err := filepath.Glob(filepath.Join(scratch, prefix+"*"))
	if err != nil {
		return "", fmt.Errorf("look for what earlier drills left: %w", err)
	}
	for _, dir := range earlier {
		info, err := os.Stat(dir)
		if err != nil || time.Since(info.ModTime()) < left {
			continue // it is being removed, or in use
		}
		if err := os.RemoveAll(dir); err != nil {
			return "", fmt.Errorf("remove what an earlier drill left: %w", err)
		}
	}
	dir, err := os.MkdirTemp(scratch, prefix)
	if err != nil {
		return "", fmt.Errorf("make a folder for drills: %w", err)
	}
	return dir, os.Chmod(dir, 0o711) // PostgreSQL's account has to get through it
}

// pulse shows that drills go on, also while one of them takes long.
type pulse struct {
	mu   sync.Mutex
	now  backup.Progress
	stop func()
}

const pulseEvery = 10 * time.Second

func newPulse(ctx context.Context) *pulse {
	p := &pulse{now: backup.Progress{Step: "making a scene", BegunAt: time.Now().UTC()}, stop: func() {}}
	if !activity.IsActivity(ctx) {
		return p
	}
	ctx, p.stop = context.WithCancel(ctx)
	go func() {
		ticks := time.NewTicker(pulseEvery)
		defer ticks.Stop()
		for {
			p.mu.Lock()
			activity.RecordHeartbeat(ctx, p.now)
			p.mu.Unlock()
			select {
			case <-ctx.Done():
				return
			case <-ticks.C:
			}
		}
	}()
	return p
}

func (p *pulse) did(r Result) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now.Step = r.Name
	p.now.Done++
}

func (p *pulse) end() { p.stop() }
