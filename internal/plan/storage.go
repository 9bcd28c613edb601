package plan

import "math"

const gigabyte = 1e9

// days of a month, as prices count them.
const monthDays = 30

// room is what a disk has beyond what lies on it.
const room = 1.3

// replayed is how many days Temporal keeps what is over (temporal.yaml: namespace.retention).
const replayed = 3

// Store is what lies in one store, a single copy of it, in GB.
type Store struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	// GB after the first month, one year and three.
	GB [3]float64 `json:"gb"`
	// Months are the GB after each month from the first on, up to three years.
	Months []float64 `json:"months"`
	// Foreseen is what the requirements project.
	Foreseen [3]float64 `json:"foreseen_gb"`
	// Beyond: more than is foreseen in some phase.
	Beyond bool `json:"beyond,omitempty"`

	row StoreRow
}

// usersAfter so many years: growth is steady between the phases, and goes on so after the last.
func (in Input) usersAfter(years float64) float64 {
	if years <= 1 {
		return in.Users * math.Pow(in.GrowthYear1, years)
	}
	return in.Users * in.GrowthYear1 * math.Pow(in.GrowthYear3/in.GrowthYear1, (years-1)/2)
}

// messages that were written in each of the first n months.
func (in Input) messages(n int) []float64 {
	all := make([]float64, n)
	for i := range all {
		all[i] = in.usersAfter((float64(i)+0.5)/12) * in.InteractionsPerUser * 365 / 12
	}
	return all
}

// grow works out what lies in each store month by month. What people write is kept for seven years, so
// that nothing of it goes within three.
func grow(in Input, m Measured, r Requirements) []Store {
	months := in.messages(Year3.Months())
	sizes := map[string][]float64{}
	total := 0.0
	for _, messages := range months {
		total += messages
		aDay := messages / (365.0 / 12)
		graph := total * m.Bytes["graph"]
		records := total*m.Bytes["records"] + aDay*replayed*m.Bytes["temporal"]
		vectors := total * m.Bytes["vectors"]
		backups := r.Kept["backups"] * ((graph+records+vectors)*in.BackupRatio + aDay*m.Bytes["wal"])
		for id, bytes := range map[string]float64{
			"graph": graph, "records": records, "vectors": vectors, "objects": backups, "logs": aDay * r.Kept["logs"] * in.LogBytes,
		} {
			sizes[id] = append(sizes[id], bytes/gigabyte)
		}
	}
	var stores []Store
	for _, row := range r.Stores {
		s := Store{ID: row.ID, Name: row.Named, Months: sizes[row.ID], row: row}
		for _, phase := range Phases {
			s.GB[phase] = s.Months[max(phase.Months(), 1)-1]
			s.Foreseen[phase] = row.at(phase)
			s.Beyond = s.Beyond || s.GB[phase] > s.Foreseen[phase]
		}
		stores = append(stores, s)
	}
	return stores
}
