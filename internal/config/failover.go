package config

import "time"

// Failover configures the control plane: who watches both regions and moves the product
// from one to the other. Its processes run at three sites, regions.name being theirs.
type Failover struct {
	Configurations []string      `koanf:"configurations" doc:"Configuration file of each region's processes, as region=FILE: what has to be done inside a region is done with it. Needed by meai failover and meai region worker."`
	Temporal       string        `koanf:"temporal" default:"127.0.0.1:7243" validate:"hostname_port" doc:"Address of the control plane's own Temporal, which runs in neither region."`
	Namespace      string        `koanf:"namespace" default:"control" validate:"required" doc:"Namespace of the control plane there."`
	Sites          int           `koanf:"sites" default:"3" validate:"min=3,max=9" doc:"How many sites have an observer; more than half of them must see the primary lost."`
	Automatic      bool          `koanf:"automatic" default:"false" doc:"Fail over without being asked when the primary is lost and the gate lets it pass."`
	Cooldown       time.Duration `koanf:"cooldown" default:"10m" validate:"min=0" doc:"How long after a change of region none happens by itself."`
	RPO            time.Duration `koanf:"rpo" default:"5s" validate:"min=0" doc:"The most that a failover may lose without the approval of two persons."`
	Replay         uint64        `koanf:"replay_bytes" default:"268435456" doc:"The most write-ahead log that a standby may have received and not applied, in bytes, before the gate says no."`
	Rejoin         time.Duration `koanf:"rejoin" default:"10m" validate:"min=0" doc:"How long a failover waits for the old region to come back as standby before it ends without it."`
	Approvers      string        `koanf:"approvers" doc:"File with the public keys of those who may override the gate (meai approval keygen), one in a line. Empty: nobody can by a signed document."`
	RouteHook      string        `koanf:"route_hook" secret:"true" doc:"Who directs clients is told here, once for each failover and again after a crash: an http or https URL, which gets a POST, or a program, which gets the same JSON on its standard input. It must pass over an epoch that is not greater than the last one. Empty: nobody."`
	Acknowledged   string        `koanf:"acknowledgements" doc:"File of what clients were told, one JSON object in a line with key, interaction and at, to measure what is missing. Empty: the loss is known as a bound only."`
}

// Drills configures what is rehearsed on these regions, not in a lab. It is for the control
// worker.
type Drills struct {
	Allowed  bool   `koanf:"allowed" default:"false" doc:"The safety switch: without it no drill is done on these regions, by a schedule or by hand."`
	Schedule string `koanf:"schedule" doc:"When the product is handed over to the other region for practice, as cron in UTC, such as 0 10 * * 2. Empty: never."`
}
