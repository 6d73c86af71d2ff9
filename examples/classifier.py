"""Two halves of a digit: train, score, diagnose, save."""

from sklearn.datasets import load_digits

from fusion_sched import FusionClassifier

pictures, digits = load_digits(n_class=4, return_X_y=True)  # 720 pictures
halves = {"upper": pictures[:, :32], "lower": pictures[:, 32:]}
X, new = (
    {m: values[part] for m, values in halves.items()} for part in (slice(500), slice(500, 720))
)

classifier = FusionClassifier(stage1_epochs=2, stage2_epochs=6).fit(X, digits[:500])
print(classifier.score(new, digits[500:]))
print(classifier.diagnosis_.synergy, classifier.diagnosis_.unique)
classifier.save("halves")  # then: fusion_sched.load("halves")
