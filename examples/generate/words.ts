import type { Random } from "./random.ts";

/** Things that people ask about: [subject, nouns, verbs]. */
const topics = [
  ["orders", "parcel,delivery,order,courier,tracking number,warehouse", "track,ship,cancel,reroute"],
  ["returns", "return label,refund,exchange,receipt,packaging,credit note", "return,refund,exchange,inspect"],
  ["billing", "invoice,card,subscription,receipt,tax number,payment", "pay,renew,charge,download"],
  ["accounts", "password,account,sign-in link,profile,device,session", "reset,verify,lock,merge"],
  ["hotel", "room,booking,check-in,breakfast,parking space,late checkout", "book,confirm,extend,upgrade"],
  [
    "clinic",
    "appointment,referral,prescription,dentist,insurance card,reminder",
    "schedule,move,confirm,renew",
  ],
  ["courses", "lesson,certificate,teacher,exam,enrolment,timetable", "enrol,repeat,grade,postpone"],
  ["energy", "meter reading,tariff,solar panel,heat pump,contract,outage", "measure,switch,install,report"],
  ["banking", "transfer,statement,credit limit,standing order,branch,loan", "approve,block,repay,transfer"],
  ["travel", "flight,visa,luggage,seat,boarding pass,connection", "rebook,check in,claim,insure"],
  ["software", "release,integration,webhook,API key,dashboard,export", "deploy,connect,revoke,upgrade"],
  ["property", "lease,deposit,viewing,tenant,boiler,inventory", "sign,inspect,repair,return"],
  ["garden", "seed,greenhouse,irrigation,soil,compost,hedge", "plant,water,prune,harvest"],
  ["fitness", "membership,class,trainer,locker,schedule,day pass", "join,pause,reserve,cancel"],
  ["law", "contract,deadline,notary,power of attorney,hearing,clause", "file,appeal,sign,review"],
  ["food", "menu,allergen,table,delivery slot,voucher,kitchen", "order,reserve,substitute,deliver"],
] as const;
export const topicCount = topics.length;

const questions = [
  "How do I {verb} my {noun}?",
  "Where can I find the {noun}?",
  "Can I {verb} the {noun} without the {other}?",
  "My {noun} has not arrived, what now?",
  "Is there a fee when I {verb} a {noun} after the {other} was confirmed?",
  "hi, {noun} question",
  "Why does the {noun} show yesterday's date although I had to {verb} it twice this week?",
  "thanks!",
];
const answers = [
  "You can {verb} the {noun} under Settings, in the section about {subject}.",
  "A {noun} is usually ready within two working days; we write to you as soon as it is.",
  "Please have your {other} at hand before you {verb} the {noun}.",
  "I have asked a colleague who knows about {subject}.",
  "That is possible until the {noun} has been confirmed; afterwards the {other} is needed as well.",
  "Yes.",
  "Your {noun} is on its way, and nothing else has to be done about the {other}.",
];
const passages = [
  "Every {noun} is checked against the {other} before anybody may {verb} it.",
  "To {verb} a {noun}, open the section about {subject} and follow the three steps there.",
  "The {noun} stays valid for twelve months, unless the {other} says otherwise.",
  "Customers who {verb} more than one {noun} a year should ask for the yearly rate.",
  "Where the {noun} is damaged, keep the {other} and send us two photographs of it.",
  "Opening hours for {subject} are Monday to Friday from 8 to 18 o'clock.",
  "Changes to the {noun} take effect on the first day of the following month.",
  "A lost {other} can be replaced once free of charge; after that there is a fee of 12.50 euros.",
  "Our team for {subject} answers within one working day, and at weekends within two.",
  "The difference between a {noun} and a {other} is explained in the chapter on {subject}.",
];

const firstNames = (
  "Anna,Ben,Carla,David,Elif,Felix,Grace,Hugo,Ines,Jonas,Kira,Liam,Mara,Noah,Olga,Paul,Quinn,Rosa,Samir,Tessa," +
  "Umar,Vera,Wanda,Xavier,Yuki,Zoe,Aylin,Bruno,Chloe,Dimitri,Emil,Farah"
).split(",");
const lastNames = (
  "Keller,Okafor,Silva,Novak,Yilmaz,Schmidt,Moreau,Jensen,Rossi,Kowalska,Tanaka,Haddad,Larsson,Murphy,Petrov,Costa," +
  "Wagner,Nguyen,Ferrari,Lindqvist,Baker,Horvat,Dubois,Santoso,Wijaya,Popescu,Brown,Garcia,Weber,Ivanova"
).split(",");
const companyWords = (
  "Alder,Bright,Cedar,Delta,Ember,Fjord,Granite,Harbour,Iris,Juniper,Kestrel,Lumen,Maple,North,Orchard,Pioneer," +
  "Quarry,River,Summit,Timber,Union,Valley,Willow,Zephyr"
).split(",");
const companyKinds = "Labs,Foods,Travel,Clinic,Energy,Books,Logistics,Studio,Hotels,Partners".split(",");

export interface Person {
  name: string;
  /** Of no real domain (RFC 2606), and different for each number. */
  email: string;
}

export function person(number: number, random: Random): Person {
  const [first, last] = [random.pick(firstNames), random.pick(lastNames)];
  return { name: `${first} ${last}`, email: `${first}.${last}.${number}@example.com`.toLowerCase() };
}

export function company(random: Random): string {
  return `${random.pick(companyWords)}${random.chance(0.5) ? ` ${random.pick(companyWords)}` : ""} ${random.pick(companyKinds)}`;
}

export function topicName(topic: number): string {
  return topics[topic % topics.length]![0];
}

/** Sentences about one topic, as UTF-8. */
export interface Phrases {
  questions: Uint8Array[];
  answers: Uint8Array[];
  passages: Uint8Array[];
}

/** Sentences about each topic: made once, then only picked and joined, which costs next to nothing a row. */
export function phrasesByTopic(random: Random): Phrases[] {
  return topics.map((topic) => ({
    questions: fill(questions, topic, 6, random),
    answers: fill(answers, topic, 6, random),
    passages: fill(passages, topic, 8, random),
  }));
}

type Topic = (typeof topics)[number];

function fill(forms: string[], [subject, nouns, verbs]: Topic, times: number, random: Random): Uint8Array[] {
  const words = (list: string) => list.split(",");
  return forms.flatMap((form) =>
    Array.from({ length: form.includes("{") ? times : 1 }, () => {
      const noun = random.pick(words(nouns));
      const others = words(nouns).filter((one) => one !== noun);
      const text = form
        .replaceAll("{subject}", subject)
        .replaceAll("{noun}", noun)
        .replaceAll("{other}", random.pick(others))
        .replaceAll("{verb}", random.pick(words(verbs)));
      return Buffer.from(text);
    }),
  );
}

/** Leads from one form of a sentence to another: no text says the same twice in a row. */
const stride = 7;

/** As many of the sentences as make a text of about so many of them: mostly few, now and then many. */
export function some(
  sentences: readonly Uint8Array[],
  median: number,
  most: number,
  random: Random,
): Uint8Array[] {
  const count = Math.min(Math.max(1, Math.round(random.logNormal(median, 0.6))), most);
  const picked: Uint8Array[] = [];
  let at = random.below(sentences.length);
  for (let index = 0; index < count; index++, at += stride) picked.push(sentences[at % sentences.length]!);
  return picked;
}
