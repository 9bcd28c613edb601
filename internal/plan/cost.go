package plan

// bytesOfARequest is what goes out to a person's app for one, with its headers.
const bytesOfARequest = 8 << 10

// Cost is one line of the budget, in dollars a month.
type Cost struct {
	Name   string        `json:"name"`
	Phases [3]Comparison `json:"phases"`
}

// Comparison is a cost beside what the requirements estimate.
type Comparison struct {
	Dollars float64 `json:"dollars"`
	// Budget is the least and the most that is estimated.
	Budget [2]float64 `json:"budget"`
	// Over: more than the most.
	Over bool `json:"over,omitempty"`
}

// costs works out each line of the budget and their sum, which is last.
func costs(in Input, m Measured, r Requirements, prices Prices, all []Component, stores []Store) []Cost {
	var lines []Cost
	total := Cost{Name: "Total"}
	for _, row := range r.Budget {
		line := Cost{Name: row.Named}
		for _, phase := range Phases {
			dollars := 0.0
			switch row.ID {
			case "compute":
				dollars = compute(prices, all, phase)
			case "storage":
				dollars = storage(in, prices, all, stores, phase)
			case "network":
				dollars = network(in, m, prices, stores, phase)
			case "security":
				dollars = prices.SecurityPhases[phase]
			case "monitoring":
				dollars = prices.MonitoringPhases[phase]
			}
			line.Phases[phase] = compare(dollars, row.at(phase))
			sum := &total.Phases[phase]
			*sum = compare(sum.Dollars+dollars, [2]float64{sum.Budget[0] + row.at(phase)[0], sum.Budget[1] + row.at(phase)[1]})
		}
		lines = append(lines, line)
	}
	return append(lines, total)
}

func compare(dollars float64, budget [2]float64) Comparison {
	return Comparison{Dollars: dollars, Budget: budget, Over: dollars > budget[1]}
}

// compute is what instances cost: reserved, or on spot machines where they may end at any moment.
func compute(prices Prices, all []Component, phase Phase) (dollars float64) {
	for _, c := range all {
		s := c.Phases[phase]
		part := prices.Reserved
		if c.row.Spot {
			part = prices.Spot
		}
		each := (c.VCPUs*prices.VCPU + c.MemoryGB*prices.MemoryGB) * s.Larger
		dollars += each * part * float64(s.Instances+s.Standby)
	}
	return dollars
}

// storage is what lies there, with room, in as many copies as are asked for, and no less than the disks
// that the table gives to each instance.
func storage(in Input, prices Prices, all []Component, stores []Store, phase Phase) (dollars float64) {
	disks := map[string]float64{"records": 0, "redis": 0}
	for _, c := range all {
		id := c.ID
		if id == "postgresql" {
			id = "records"
		}
		disks[id] = c.row.StorageGB * float64(c.Phases[phase].Instances)
	}
	price := map[string]float64{"ssd": prices.SSD, "hdd": prices.HDD, "object": prices.Object}
	regions := map[string]float64{"ssd": float64(in.Regions), "hdd": 1, "object": 1} // objects' second copy is the other region's
	for _, s := range stores {
		gb := max(s.GB[phase]*room*s.row.Copies, disks[s.ID])
		dollars += gb * price[s.row.Kind] * regions[s.row.Kind]
	}
	return dollars + disks["redis"]*prices.SSD*float64(in.Regions)
}

// network is what goes to people, and with two regions what the second one is sent of what is written.
func network(in Input, m Measured, prices Prices, stores []Store, phase Phase) float64 {
	messages := in.users(phase) * in.InteractionsPerUser * monthDays
	dollars := prices.NetworkFixed*float64(in.Regions) + messages*in.Requests*bytesOfARequest/gigabyte*prices.Egress
	if in.Regions == 2 {
		objects := 0.0
		for _, s := range stores {
			if s.ID == "objects" {
				objects = s.GB[phase] // within a month each of them is written anew, and copied
			}
		}
		dollars += (messages*m.Bytes["wal"]/gigabyte + objects) * prices.BetweenRegions
	}
	return dollars
}
