"""Two halves of a digit: train, score, diagnose, save."""

from sklearn.datasets import load_digits

from fusion_sched import FusionClassifier

pictures, digits = load_digits(n_class=4, return_X_y=True)
halves = {"upper": pictures[:, :32], "lower": pictures[:, 32:]}
X, new = ({m: v[part] for m, v in halves.items()} for part in (slice(500), slice(500, None)))

classifier = FusionClassifier(stage1_epochs=2, stage2_epochs=6).fit(X, digits[:500])
print(f"{classifier.score(new, digits[500:]):.1%} of the new samples are right")
print(classifier.diagnosis_.unique["upper"])  # bits that only the upper half has, with interval
classifier.save("halves")  # then: fusion_sched.load("halves")
