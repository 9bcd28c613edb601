package autoscale

import (
	_ "embed"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

//go:embed day.txt
var hours string

// Shape is the load of a day, as a share of its busiest hour, at a time of the day; days
// follow each other.
func Shape() (func(time.Duration) float64, error) {
	var shares []float64
	for line := range strings.Lines(hours) {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		share, err := strconv.ParseFloat(line, 64)
		if err != nil || share < 0 || share > 1 {
			return nil, fmt.Errorf("day.txt: %q is no share", line)
		}
		shares = append(shares, share)
	}
	if len(shares) != 24 {
		return nil, fmt.Errorf("day.txt: %d hours, not 24", len(shares))
	}
	return func(at time.Duration) float64 {
		hour, part := math.Modf(at.Hours())
		from, to := shares[int(hour)%24], shares[(int(hour)+1)%24]
		return from + (to-from)*part
	}, nil
}
