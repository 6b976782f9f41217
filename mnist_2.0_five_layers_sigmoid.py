"""MNIST 2.0: five layers with sigmoid neurons recognise 97.9 % of the handwritten digits.

The network, with the shape of every tensor; n is the number of images in a batch:

    X   [n, 28, 28, 1]    images
        |   flattened
    XX  [n, 784]          pixels
        |   W1 [784, 200]     B1 [200]     sigmoid
    Y1  [n, 200]
        |   W2 [200, 100]     B2 [100]     sigmoid
    Y2  [n, 100]
        |   W3 [100, 60]      B3 [60]      sigmoid
    Y3  [n, 60]
        |   W4 [60, 30]       B4 [30]      sigmoid
    Y4  [n, 30]
        |   W5 [30, 10]       B5 [10]      softmax
    Y   [n, 10]           probabilities of the digits 0 ... 9

185,300 weights and biases are trained.

New in this step
- Four layers of sigmoid neurons stand before the softmax layer.
- The weights start at small random values: with zeros, all neurons of a layer would stay alike.

Also changed
- The loss is computed from the logits, the sums before softmax, which avoids log(0).
- Adam replaces gradient descent: it adapts the steps of each weight, so the start is fast and the
  rate needs little search. Gradient descent gets as far at ten times the rate, but starts slowly.
  The codelab brings in these two changes a step later.
- 10,000 iterations instead of 2,000; the panels get data every 20 and 100 of them.
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

# The numbers of neurons in the four hidden layers; the softmax layer has 10.
K = 200
L = 100
M = 60
N = 30

# The weights start at random values, the biases at 0.
W1 = tf.Variable(tf.truncated_normal([784, K], stddev=0.1))
B1 = tf.Variable(tf.zeros([K]))
W2 = tf.Variable(tf.truncated_normal([K, L], stddev=0.1))
B2 = tf.Variable(tf.zeros([L]))
W3 = tf.Variable(tf.truncated_normal([L, M], stddev=0.1))
B3 = tf.Variable(tf.zeros([M]))
W4 = tf.Variable(tf.truncated_normal([M, N], stddev=0.1))
B4 = tf.Variable(tf.zeros([N]))
W5 = tf.Variable(tf.truncated_normal([N, 10], stddev=0.1))
B5 = tf.Variable(tf.zeros([10]))

# ---------- Model ----------

# All pixels of an image on one line; -1 means as many lines as there are images.
XX = tf.reshape(X, [-1, 784])  # [n, 784]
Y1 = tf.nn.sigmoid(tf.matmul(XX, W1) + B1)  # [n, 200]
Y2 = tf.nn.sigmoid(tf.matmul(Y1, W2) + B2)  # [n, 100]
Y3 = tf.nn.sigmoid(tf.matmul(Y2, W3) + B3)  # [n, 60]
Y4 = tf.nn.sigmoid(tf.matmul(Y3, W4) + B4)  # [n, 30]
Ylogits = tf.matmul(Y4, W5) + B5  # [n, 10]
Y = tf.nn.softmax(Ylogits)

# ---------- Loss ----------

# Cross-entropy: -sum(Y_ * log(Y)) for an image. TensorFlow computes it from the logits, so that no
# log(0) can occur. This mean is over the images alone, so times 100 it is the sum over a batch.
cross_entropy = tf.nn.softmax_cross_entropy_with_logits(logits=Ylogits, labels=Y_)
cross_entropy = tf.reduce_mean(cross_entropy) * 100

# The share of images whose most probable digit is the correct one.
is_correct = tf.equal(tf.argmax(Y, 1), tf.argmax(Y_, 1))
accuracy = tf.reduce_mean(tf.cast(is_correct, tf.float32))

# ---------- Optimiser ----------

# Adam divides the gradient by its own recent size, so the learning rate is about the largest
# change of a weight in a step.
lr = 0.003
optimizer = tf.train.AdamOptimizer(lr)
train_step = optimizer.minimize(cross_entropy)

# ---------- Display ----------

# For the display only: all weights, all biases, and the digits as mosaics of 100 and of 1000.
allweights = tf.concat([tf.reshape(W, [-1]) for W in (W1, W2, W3, W4, W5)], 0)
allbiases = tf.concat([B1, B2, B3, B4, B5], 0)
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


# Iterations 0 to 10000, so + 1. Every 20 the panels get training data, every 100 test data.
# With more_tests_at_start the first test data come as often as the training data.
datavis.animate(training_step, 10000 + 1, 20, 100, more_tests_at_start=True)
# For text only, put a # in front of the line above and take it away from the line below.
# for i in range(10000 + 1): training_step(i, i % 100 == 0, i % 20 == 0)

print("max test accuracy: " + str(datavis.get_max_test_accuracy()))

# ---------- Results ----------

# Max test accuracy of 5 runs with seeds 0 to 4, mean ± standard deviation:
# 0.9785 ± 0.0009, from 0.9770 to 0.9793; at the end 0.9758, with a test loss of 11.39 ± 1.11.
# TensorFlow 2.21.0, Python 3.12.1. One run with TensorFlow 1.15.5, Python 3.7.16: 0.9794.
# Measured by: python tests/tools/measure.py run --seeds 0 1 2 3 4
