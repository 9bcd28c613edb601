package crisis

import "strings"

// meanings are classes of words that say more together than each alone: with few
// examples to learn from, "machete" should count as "knife" does.
var meanings = senses(`
	KIN husband wife hubby boyfriend girlfriend bf gf partner fiance fiancee ex dad daddy father papa mom mum mummy mother mama stepdad stepfather stepmum stepmom stepmother uncle aunt auntie grandad grandpa grandfather gran grandma grandmother nan brother sister stepbrother cousin cousins son daughter parents family carer carers coach teacher priest boss supervisor sponsor landlord flatmate roommate housemate pimp in-laws kids children baby toddler
	HURT hit hits hitting beat beats beating slap slaps slapped punch punches punched kick kicks kicked choke chokes choked strangle strangled strangles shove shoves shoved push pushed pushes grab grabs grabbed drag dragged drags burn burns burned burnt bite bites bit scratch scratches scratched stab stabbed stabbing hurt hurts hurting harm harming smash smashed smashing slam slammed throw throws threw twist twists twisted whip whips raped rape rapes molested
	CUT cut cuts cutting slice slicing sliced carve carving blade blades razor razors scissors scalpel shard glass sharpener
	WEAPON gun pistol rifle shotgun revolver knife knives machete axe hammer bat crowbar sword cleaver bullet bullets ammo petrol matches match
	MEANS rope noose cord belt pills tablets meds medication painkillers paracetamol insulin overdose bleach gas bottle antidepressants
	HEIGHT bridge roof rooftop ledge balcony cliff railing parapet platform tracks rails railway train river sea lake water pier edge
	BODY arm arms wrist wrists thigh thighs leg legs hip hips belly stomach skin ankle ankles chest face neck throat head ribs hands knuckles hair
	SIGN numb blue grey swollen swelling rash fever bleeding bleed bled blood vomiting vomited faint fainted fainting collapsed unconscious seizure fitting slurring drooping clammy sweating breathe breathing breath dizzy floppy choking confused double stiff
	DEAD die dies died dying dead death kill killed killing kills suicide suicidal suicides murder murdered funeral grave coffin heaven
	GONE gone disappear vanish vanished stop stopped end ended ending over forever permanently nothing quiet peace sleep asleep leave leaving exit
	BYE goodbye bye farewell last final note letter letters will passwords funeral sorry forgive
	NOW now tonight today minutes minute hour hours morning tomorrow soon already
	FEAR afraid scared frightened terrified hide hiding locked lock locks silent flinch secret allowed whispering
	BURDEN burden weight problem useless worthless nuisance drain relieved better without
	FUN lol haha film movie book novel game podcast chapter song essay lecture news paper museum recipe cake biscuit tea garden football choir
	FINE fine recovered years ago proud happy lovely laughed laughing harmless sorted well clean sober
`)

func senses(list string) map[string]string {
	of := map[string]string{}
	for line := range strings.Lines(list) {
		words := strings.Fields(line)
		for _, w := range words[min(1, len(words)):] {
			of[w] = words[0]
		}
	}
	return of
}

// features is the text that the model sees: normalised, and once more with words
// replaced by what they mean.
func features(text string) string {
	plain := strings.TrimSpace(normalise(text))
	words := strings.Fields(plain)
	for i, w := range words {
		if m, ok := meanings[w]; ok {
			words[i] = m
		}
	}
	return plain + " | " + strings.Join(words, " ")
}
