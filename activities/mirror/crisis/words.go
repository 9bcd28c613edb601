package crisis

import "strings"

// classes are words that stand for each other in the rules: {limb} in a pattern is
// any of them. What people fear and use is a longer list than any set of examples.
var classes = strings.NewReplacer(
	"{kin}", `(?:husband|wife|hubby|boyfriend|girlfriend|bf|gf|partner|fiance|fiancee|ex|dad|daddy|father|papa|mom|mum|mummy|mother|mama|stepdad|stepfather|step dad|stepmum|stepmom|stepmother|step mum|step mom|uncle|aunt|auntie|grandad|grandpa|grandfather|gran|grandma|grandmother|brother|sister|stepbrother|cousin|cousins|son|daughter|in laws|mother in law|father in law|brothers|parents|family|carer|carers|nurse|boss|supervisor|sponsor|coach|teacher|priest|pastor|imam|master|madam|sir|landlord|roommate|flatmate|housemate|neighbour|neighbor|pimp|guard|guards|warden|foster dad|foster mum|foster mother|foster father|older boys|boys|man|woman|guy|lad)`,
	"{loved}", `(?:wife|husband|mum|mom|mother|dad|father|son|daughter|boy|girl|baby|brother|sister|friend|mate|best friend|bestie|flatmate|roommate|housemate|boyfriend|girlfriend|bf|gf|partner|cousin|grandad|grandpa|grandma|gran|grandson|granddaughter|grandmother|grandfather|neighbour|neighbor|student|colleague|uncle|aunt|child|kid|toddler|nan|ex)`,
	"{weapon}", `(?:gun|pistol|rifle|shotgun|revolver|handgun|firearm|weapon|knife|knives|machete|axe|hammer|crowbar|bat|sword|hatchet|tyre iron|tire iron)`,
	"{gun}", `(?:gun|pistol|rifle|shotgun|revolver|handgun|firearm)`,
	"{blade}", `(?:blade|blades|razor|razors|razor blade|razorblade|knife|scissors|scalpel|stanley knife|box cutter|broken glass|glass|shard|needle|lighter|compass|sharpener)`,
	"{pills}", `(?:pills|pill|tablets|tablet|meds|medicine|medication|painkillers|paracetamol|tylenol|ibuprofen|aspirin|xanax|insulin|antidepressants|sleepers|sleeping pills|benzos|opioids|morphine|codeine|oxy|capsules)`,
	"{rope}", `(?:rope|noose|cord|belt|cable|ligature|bedsheet)`,
	"{height}", `(?:bridge|roof|rooftop|ledge|balcony|cliff|cliffs|railing|railings|parapet|overpass|viaduct|flyover|tower|windowsill|window ledge|top floor|multi storey|car park roof|roof of the \w+|edge)`,
	"{rail}", `(?:platform|tracks|track|rails|railway|railway line|train line|train tracks|level crossing)`,
	"{limb}", `(?:arm|arms|forearm|forearms|wrist|wrists|thigh|thighs|leg|legs|hip|hips|belly|stomach|skin|ankle|ankles|shoulder|shoulders|chest|hand|hands|body|face|fingers|knuckles|feet)`,
	"{soon}", `(?:tonight|now|right now|today|tomorrow|this evening|this afternoon|this weekend|this week|in an hour|in a minute|in a moment|soon|at dawn|at midnight|at noon|at \d+|after (?:work|school|dinner|this)|by (?:morning|tomorrow|tonight|then|monday|the weekend|the time)|before (?:he|she|they|my|the|anyone|mum|mom|dad|i)|when (?:he|she|they|my|the|everyone|mum|mom|dad|it)|once (?:he|she|they|my|the|everyone|mum|mom|dad|it)|in \d+ (?:minutes|mins|hours|days)|in ten minutes|in five minutes|until then)`,
	"{hits}", `(?:hits|beats|slaps|punches|kicks|chokes|strangles|rapes|molests|whips|belts|burns|bites|scratches|starves|shoves|drags|throttles|headbutts|hurts|pinches|spits on|smacks|abuses|gropes|touches|ties|grabs|pushes)`,
	"{hit}", `(?:hit|beat|slapped|punched|kicked|choked|strangled|raped|molested|whipped|burned|burnt|bit|scratched|starved|shoved|dragged|throttled|headbutted|hurt|smacked|abused|groped|assaulted|tied|grabbed|pushed|slammed|threw|shook|threatened)`,
	"{kill}", `(?:kill|murder|stab|shoot|strangle|poison|slaughter|choke|smother|suffocate|drown|hurt|harm|attack|unalive|butcher|slit|beat|batter|smash|burn|shank|gut|kidnap|maim|destroy)`,
	"{killing}", `(?:killing|murdering|stabbing|shooting|strangling|poisoning|slaughtering|choking|smothering|suffocating|drowning|hurting|attacking|butchering)`,
	"{victim}", `(?:him|her|them|them all|you all|someone|somebody|people|everyone|everybody|every one of them|my (?:own )?(?:\w+ )?(?:husband|wife|ex|boyfriend|girlfriend|partner|dad|father|mum|mom|mother|stepdad|stepfather|step dad|stepmum|stepmother|brother|sister|son|daughter|baby|child|kids|children|boss|manager|teacher|neighbour|neighbor|landlord|roommate|flatmate|classmates|colleague|colleagues|uncle|family|supervisor|cellmate|ex's)|(?:that|the|this) (?:\w+ )?(?:man|woman|guy|bastard|bitch|kid|boy|girl|teacher|boss|driver|judge|bully|bullies|lad|one|lot of them|person|prick|pig|animal|monster)|those (?:\w+ )?(?:people|boys|girls|kids|men|bastards)|these people)`,
	"{some}", `(?:(?:really|just|honestly|only|so|truly|actually|literally|even|all|simply|badly|often|sometimes|always|still|finally|now|genuinely|seriously|definitely|probably|maybe|already|also|very) )*`,
	"{w}", `(?:[^ ]+ )`,
)
