"""MNIST 1.0: one layer of ten softmax neurons recognises 92 % of the handwritten digits.

The network, with the shape of every tensor; n is the number of images in a batch:

    X   [n, 28, 28, 1]    images
        |   flattened
    XX  [n, 784]          pixels
        |   W  [784, 10]      b  [10]      softmax
    Y   [n, 10]           probabilities of the digits 0 ... 9

7,850 weights and biases are trained.

New in this step
- A neuron adds up all its inputs, each multiplied by a weight, and adds a bias. A layer does that
  for a whole batch of images in one matrix multiplication, XX.W + b; the + adds b to every line,
  which is called broadcasting.
- Softmax turns the ten sums of an image into ten probabilities that add up to 1.
- Cross-entropy, the loss, measures how far these are from the correct answer.
- Gradient descent changes the weights and biases, a small step at a time, so that the loss falls.
"""

# ---------- Set-up ----------

import math  # for the formula of the learning rate, from 2.1 on

# For the display only. It comes before TensorFlow, to keep TensorFlow's start-up lines away.
import tensorflowvisu
import tensorflow.compat.v1 as tf
import mnistdata

# The series is written for TensorFlow 1.x: first a graph is built, then a session runs it.
tf.disable_v2_behavior()
# An empty graph, because this script may run more than once in a notebook or console.
tf.reset_default_graph()
print("Tensorflow version " + tf.__version__)
tf.set_random_seed(0)

# 60,000 training digits and 10,000 test digits, kept in the folder "data".
mnist = mnistdata.read_data_sets("data", one_hot=True, reshape=False, validation_size=0)

# ---------- Placeholders ----------

# Images of 28x28 pixels with one grey value each. None will be the number of images, n.
X = tf.placeholder(tf.float32, [None, 28, 28, 1])
# Correct answers, one-hot encoded: a 6 is [0, 0, 0, 0, 0, 0, 1, 0, 0, 0].
Y_ = tf.placeholder(tf.float32, [None, 10])

# ---------- Weights and biases ----------

# One weight for each pixel and neuron, one bias for each neuron.
W = tf.Variable(tf.zeros([784, 10]))
b = tf.Variable(tf.zeros([10]))

# ---------- Model ----------

# All pixels of an image on one line; -1 means as many lines as there are images.
XX = tf.reshape(X, [-1, 784])  # [n, 784]
Y = tf.nn.softmax(tf.matmul(XX, W) + b)  # [n, 10]

# ---------- Loss ----------

# Cross-entropy: -sum(Y_ * log(Y)) for an image. The mean is over the images and the 10 classes,
# so times 1000 it is the sum over a batch of 100 images.
cross_entropy = -tf.reduce_mean(Y_ * tf.log(Y)) * 1000.0

# The share of images whose most probable digit is the correct one.
is_correct = tf.equal(tf.argmax(Y, 1), tf.argmax(Y_, 1))
accuracy = tf.reduce_mean(tf.cast(is_correct, tf.float32))

# ---------- Optimiser ----------

# The learning rate is the share of the gradient by which a step changes the weights and biases.
lr = 0.003
optimizer = tf.train.GradientDescentOptimizer(lr)
train_step = optimizer.minimize(cross_entropy)

# ---------- Display ----------

# For the display only: all weights, all biases, and the digits as mosaics of 100 and of 1000.
allweights = tf.reshape(W, [-1])
allbiases = tf.reshape(b, [-1])
I = tensorflowvisu.tf_format_mnist_images(X, Y, Y_)
It = tensorflowvisu.tf_format_mnist_images(X, Y, Y_, 1000, lines=25)
datavis = tensorflowvisu.MnistDataVis()

# ---------- Training ----------

# A session runs the graph and keeps the values of its variables. The initialiser gives them their
# first values.
sess = tf.Session()
sess.run(tf.global_variables_initializer())


# datavis.animate calls this function for every iteration i and says which data the panels need.
def training_step(i, update_test_data, update_train_data):
    """Trains on a batch of 100 digits; before that, where asked to, shows how good the model is."""
    batch_X, batch_Y = mnist.train.next_batch(100)

    # Accuracy a, loss c and mosaic im of the training digits of this batch.
    if update_train_data:
        a, c, im, weights, biases = sess.run(
            [accuracy, cross_entropy, I, allweights, allbiases],
            feed_dict={X: batch_X, Y_: batch_Y})
        print(str(i) + ": accuracy:" + str(a) + " loss: " + str(c)
              + " (lr:" + str(lr) + ")")
        datavis.append_training_curves_data(i, a, c)
        datavis.append_data_histograms(i, weights, biases)
        datavis.update_image1(im)

    # Accuracy a, loss c and mosaic im of all test digits, which the network never trains on.
    if update_test_data:
        a, c, im = sess.run(
            [accuracy, cross_entropy, It],
            feed_dict={X: mnist.test.images, Y_: mnist.test.labels})
        epoch = i * 100 // mnist.train.images.shape[0] + 1
        print(str(i) + ": ********* epoch " + str(epoch) + " ********* test accuracy:" + str(a)
              + " test loss: " + str(c))
        datavis.append_test_curves_data(i, a, c)
        datavis.update_image2(im)

    # One step of training: the gradient of the loss, and the change that follows from it.
    sess.run(train_step, feed_dict={X: batch_X, Y_: batch_Y})


# Iterations 0 to 2000, so + 1. Every 10 the panels get training data, every 50 test data.
# With more_tests_at_start the first test data come as often as the training data.
datavis.animate(training_step, 2000 + 1, 10, 50, more_tests_at_start=True)
# For text only, put a # in front of the line above and take it away from the line below.
# for i in range(2000 + 1): training_step(i, i % 50 == 0, i % 10 == 0)

print("max test accuracy: " + str(datavis.get_max_test_accuracy()))

# ---------- Results ----------

# Max test accuracy of 5 runs with seeds 0 to 4, mean ± standard deviation:
# 0.9221 ± 0.0006, from 0.9214 to 0.9230; at the end 0.9204, with a test loss of 28.28 ± 0.25.
# TensorFlow 2.21.0, Python 3.12.1. One run with TensorFlow 1.15.5, Python 3.7.16: 0.9223.
# Measured by: python tests/tools/measure.py run --seeds 0 1 2 3 4
